import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { parse, parseAllDocuments } from "yaml";
import { environmentVariables, readConfig } from "#config";
import { sizeLimits } from "#contracts";
import { createRouteTable } from "#http";

const root = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");
const variables = new Set(environmentVariables.map((variable) => variable.name));

interface Service {
  command?: string[];
  ports?: string[];
  environment?: Record<string, string>;
  volumes?: string[];
  depends_on?: Record<string, { condition: string }>;
}

/** Values of `${NAME:-default}` and `${NAME:?message}` as compose would fill them in. */
function fill(value: string, given: Record<string, string>): string {
  return value.replace(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_all, name: string, kind: string, rest: string) => {
    const set = given[name];
    if (set !== undefined) return set;
    assert.notEqual(kind, "?", `${name} must be set: ${rest}`);
    return rest ?? "";
  });
}

describe("compose.yaml", () => {
  const compose = parse(read("compose.yaml"), { merge: true }) as {
    services: Record<string, Service>;
    volumes: Record<string, unknown>;
  };
  const ours = Object.entries(compose.services).filter(([name]) => /^(api|worker|migrate)/.test(name));

  test("has PostgreSQL, Redis, two APIs, two workers, nginx, Prometheus and Grafana", () => {
    const expected = "api-1 api-2 grafana migrate nginx postgres prometheus redis worker-1 worker-2".split(" ");
    assert.deepEqual(Object.keys(compose.services).sort(), expected);
  });

  test("gives Muster an environment that it accepts", () => {
    assert.equal(ours.length, 5);
    for (const [name, { environment = {} }] of ours) {
      for (const variable of Object.keys(environment)) assert.ok(variables.has(variable), `${name}: ${variable}`);
      const given = { POSTGRES_PASSWORD: "p", MUSTER_SECRET_KEY: "k".repeat(32) };
      const config = readConfig(
        Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, fill(value, given)])),
      );
      assert.equal(config.role, name === "migrate" ? "all" : name.slice(0, name.indexOf("-")));
      assert.ok(config.database.url && config.redisUrl && config.secretKey);
    }
  });

  test("its pools fit into max_connections", () => {
    const max = Number(/max_connections=(\d+)/.exec(compose.services.postgres?.command?.join(" ") ?? "")?.[1]);
    const needed = ours.reduce((sum, [, { environment }]) => sum + Number(environment?.DATABASE_POOL_MAX) + 2, 20);
    assert.ok(needed <= max, `${needed} of ${max}`);
  });

  test("mounts files that exist and waits for services that exist", () => {
    for (const [name, service] of Object.entries(compose.services)) {
      for (const volume of service.volumes ?? []) {
        const source = volume.split(":")[0] ?? "";
        if (source.startsWith("./")) assert.ok(existsSync(new URL(source, root)), `${name}: ${source}`);
        else assert.ok(source in compose.volumes, `${name}: ${source}`);
      }
      for (const other of Object.keys(service.depends_on ?? {})) assert.ok(other in compose.services, other);
    }
  });

  test("firing alerts can be seen, on this machine alone", () => {
    assert.deepEqual(compose.services.prometheus?.ports, ["127.0.0.1:9090:9090"]);
    const { datasources } = parse(read("deploy/grafana/provisioning/datasources/prometheus.yaml")) as {
      datasources: { url: string; jsonData: { manageAlerts: boolean } }[];
    };
    assert.equal(datasources[0]?.jsonData.manageAlerts, true);
    const { rule_files } = parse(read("deploy/prometheus/prometheus.yml")) as { rule_files: string[] };
    for (const file of rule_files) {
      assert.ok(
        compose.services.prometheus?.volumes?.some((volume) => volume.split(":")[1] === file),
        file,
      );
    }
    // The example in the comment must be what Prometheus reads once the signs are away.
    const text = read("deploy/prometheus/prometheus.yml");
    const example = text.slice(text.indexOf("# alerting:"), text.indexOf("scrape_configs:")).replaceAll(/^# /gm, "");
    const { alerting } = parse(example) as {
      alerting: { alertmanagers: { static_configs: { targets: string[] }[] }[] };
    };
    assert.deepEqual(alerting.alertmanagers[0]?.static_configs[0]?.targets, ["alertmanager:9093"]);
  });

  test("Prometheus and nginx name its services", () => {
    const scrape = parse(read("deploy/prometheus/prometheus.yml")) as {
      scrape_configs: { metrics_path: string; static_configs: { targets: string[] }[] }[];
    };
    const targets = scrape.scrape_configs.flatMap((job) => job.static_configs.flatMap((config) => config.targets));
    assert.deepEqual(targets.sort(), ["api-1:3000", "api-2:3000", "worker-1:3000", "worker-2:3000"]);
    const servers = [...read("deploy/nginx/nginx.conf").matchAll(/^\s*server (\S+):3000/gm)].map((match) => match[1]);
    assert.deepEqual(servers, ["api-1", "api-2"]);
  });
});

test("nginx neither buffers nor compresses event streams, and keeps /metrics inside", () => {
  const text = read("deploy/nginx/nginx.conf");
  assert.equal(text.split("{").length, text.split("}").length);
  const pattern = new RegExp(/location ~ (\S+) \{/.exec(text)?.[1] ?? "(?!)");
  // Only what the routes say is looked at; no handler runs.
  const routes = createRouteTable({} as never, {} as never);
  let streams = 0;
  for (const { method, path, stream } of routes) {
    // Answers of models under /v1 last as long as the model thinks, as a stream or as a whole.
    const long = stream === "text/event-stream" || (method === "POST" && path.startsWith("/v1/"));
    const example = path.replace(/:\w+|\*$/g, "0198");
    assert.equal(pattern.test(example), long, `${method} ${path}`);
    if (long) streams++;
  }
  assert.ok(streams >= 6);
  const largestBody = Math.max(sizeLimits.bodyBytes, sizeLimits.taskBodyBytes, sizeLimits.avatarBodyBytes);
  assert.ok(Number(/client_max_body_size (\d+)m;/.exec(text)?.[1]) * 1024 * 1024 >= largestBody);
  const settings = text.slice(text.indexOf("location ~"), text.indexOf("location / {"));
  for (const line of ["proxy_buffering off;", "proxy_next_upstream error timeout;", "proxy_read_timeout 1h;"]) {
    assert.ok(settings.includes(line), line);
  }
  assert.match(text, /gzip off;/);
  assert.match(text, /location = \/metrics \{ return 404; \}/);
});

describe("Dockerfile", () => {
  const text = read("Dockerfile");

  test("copies what exists or what an earlier stage makes", () => {
    for (const [, stage, sources = ""] of text.matchAll(/^COPY (?:--from=(\S+) )?(.+) \S+$/gm)) {
      for (const source of sources.split(" ")) {
        if (stage !== undefined) assert.match(text, new RegExp(`^FROM \\S+ AS ${stage}$`, "m"));
        else assert.ok(existsSync(new URL(source, root)), `COPY ${source}`);
      }
    }
  });

  test("runs as a user without rights, on Node 24, with all that the server reads", () => {
    const last = text.slice(text.lastIndexOf("\nFROM "));
    assert.match(last, /^FROM node:24-/m);
    assert.match(last, /^USER node$/m);
    assert.ok(last.indexOf("USER node") < last.indexOf("ENTRYPOINT"));
    for (const folder of ["src", "bin", "scripts", "migrations"])
      assert.match(last, new RegExp(`^COPY ${folder} `, "m"));
    for (const [, name = ""] of last.matchAll(/(?:^ENV| )([A-Z_]+)=/gm)) {
      assert.ok(variables.has(name) || name === "NODE_ENV", name);
    }
  });

  test(".dockerignore keeps secrets out and leaves in what is copied", () => {
    const ignored = read(".dockerignore").split("\n").filter(Boolean);
    for (const name of [".env", ".muster", ".git", "node_modules"]) assert.ok(ignored.includes(name), name);
    for (const [, sources = ""] of text.matchAll(/^COPY (?!--from)(.+) \S+$/gm)) {
      for (const source of sources.split(" ")) assert.ok(!ignored.includes(source), source);
    }
  });
});

/** Of RFC 1918 and RFC 4193. */
const privateNetwork = /^(10\.|172\.(1[6-9]|2\d|3[01])\.|192\.168\.|f[cd]00::\/)/;

describe("Kubernetes manifests", () => {
  interface Manifest {
    kind: string;
    metadata: { name: string };
    data?: Record<string, string>;
    stringData?: Record<string, string>;
    spec?: Record<string, never>;
  }
  const folder = new URL("deploy/kubernetes/", root);
  const files = readdirSync(folder);
  const manifests = files
    .filter((name) => name !== "kustomization.yaml")
    .flatMap((name) => parseAllDocuments(readFileSync(new URL(name, folder), "utf8")))
    .map((document) => {
      assert.deepEqual(document.errors, []);
      return document.toJS() as Manifest;
    });
  const of = (kind: string) => manifests.filter((manifest) => manifest.kind === kind);
  interface Pod {
    spec: {
      securityContext: { runAsNonRoot: boolean };
      containers: {
        args: string[];
        env?: { name: string; value: string }[];
        startupProbe?: { httpGet: { path: string } };
        livenessProbe?: { httpGet: { path: string } };
        readinessProbe?: { httpGet: { path: string } };
        securityContext: { readOnlyRootFilesystem: boolean };
      }[];
    };
  }
  const pods = [...of("Deployment"), ...of("Job")].map((manifest) => ({
    name: manifest.metadata.name,
    pod: (manifest.spec as unknown as { template: Pod }).template,
  }));

  test("the list of resources is complete", () => {
    const { resources } = parse(read("deploy/kubernetes/kustomization.yaml")) as { resources: string[] };
    for (const name of resources) assert.ok(files.includes(name), name);
    const unlisted = files.filter((name) => !resources.includes(name) && name !== "kustomization.yaml");
    assert.deepEqual(unlisted, ["secret.example.yaml"]);
  });

  test("API and workers have probes, an autoscaler and a disruption budget; migrations are a Job", () => {
    for (const role of ["api", "worker"]) {
      const name = `muster-${role}`;
      const pod = pods.find((each) => each.name === name)?.pod.spec.containers[0];
      assert.equal(pod?.livenessProbe?.httpGet.path, "/health/live");
      assert.equal(pod?.readinessProbe?.httpGet.path, "/health/ready");
      assert.equal(pod?.env?.find((variable) => variable.name === "MUSTER_ROLE")?.value, role);
      for (const kind of ["HorizontalPodAutoscaler", "PodDisruptionBudget"]) {
        assert.ok(
          of(kind).some((manifest) => manifest.metadata.name === name),
          `${kind} of ${name}`,
        );
      }
    }
    assert.deepEqual(pods.find((each) => each.name === "muster-migrate")?.pod.spec.containers[0]?.args, ["migrate"]);
  });

  test("no pod runs as root or writes to its image", () => {
    for (const { name, pod } of pods) {
      assert.equal(pod.spec.securityContext.runAsNonRoot, true, name);
      assert.equal(pod.spec.containers[0]?.securityContext.readOnlyRootFilesystem, true, name);
    }
  });

  test("variables are those that Muster reads, and their values are accepted", () => {
    const environment = Object.assign({}, of("ConfigMap")[0]?.data, of("Secret")[0]?.stringData) as Record<
      string,
      string
    >;
    for (const { pod } of pods)
      for (const { name, value } of pod.spec.containers[0]?.env ?? []) environment[name] = value;
    for (const name of Object.keys(environment)) assert.ok(variables.has(name), name);
    const config = readConfig({ ...environment, MUSTER_SECRET_KEY: "k".repeat(32) });
    assert.ok(config.database.url);
    // Behind an ingress all users would share its address, and one guesser would shut everybody out.
    assert.ok(config.trustedProxies.length > 0);
    for (const proxy of config.trustedProxies) assert.match(proxy, privateNetwork);
    assert.equal(environment.MUSTER_SECRET_KEY, "", "the example must not work as it is");
  });
});
