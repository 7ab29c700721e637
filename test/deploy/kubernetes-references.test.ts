import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { parse, parseAllDocuments } from "yaml";
import { createRouteTable } from "#http";
import { type MetricDefinition, metricDefinitions } from "#metrics";
import { readPromQuery } from "./promql.ts";

// Nothing here talks to a cluster: what one manifest names must stand in another, or be a page that Muster answers.

type Labels = Record<string, string>;
interface Probe {
  httpGet: { path: string; port: string };
}
interface Container {
  name: string;
  env?: { name: string; value: string }[];
  envFrom: { configMapRef?: { name: string }; secretRef?: { name: string } }[];
  ports?: { name: string; containerPort: number }[];
  startupProbe?: Probe;
  livenessProbe?: Probe;
  readinessProbe?: Probe;
  volumeMounts: { name: string; mountPath: string }[];
  resources: { requests: Record<string, string>; limits: Record<string, string> };
}
interface Manifest {
  kind: string;
  metadata: { name: string };
  data: Labels;
  spec: {
    replicas: number;
    selector: Labels & { matchLabels: Labels };
    template: {
      metadata: { labels: Labels; annotations: Labels };
      spec: {
        containers: Container[];
        volumes: { name: string; persistentVolumeClaim?: { claimName: string } }[];
        topologySpreadConstraints?: { labelSelector: { matchLabels: Labels } }[];
        terminationGracePeriodSeconds: number;
      };
    };
    scaleTargetRef: { kind: string; name: string };
    minReplicas: number;
    maxReplicas: number;
    minAvailable: number;
    metrics: { type: string; resource: { name: string } }[];
    ports: { name: string; targetPort: string }[];
  };
}

const folder = new URL("../../deploy/kubernetes/", import.meta.url);
const manifests = readdirSync(folder)
  .filter((name) => name !== "kustomization.yaml")
  .flatMap((name) => parseAllDocuments(readFileSync(new URL(name, folder), "utf8")))
  .map((document) => document.toJS() as Manifest);
const of = (kind: string) => manifests.filter((manifest) => manifest.kind === kind);
const exists = (kind: string, name: string | undefined) => of(kind).some(({ metadata }) => metadata.name === name);
const pods = [...of("Deployment"), ...of("Job")].map(({ metadata, spec }) => ({
  name: metadata.name,
  ...spec.template,
}));
const containerOf = (name: string): Container => {
  const [container] = pods.find((pod) => pod.name === name)?.spec.containers ?? [];
  assert.ok(container, name);
  return container;
};
/** Names of the pods that a selector chooses. */
const chosen = (labels: Labels) =>
  pods
    .filter((pod) => Object.entries(labels).every(([key, value]) => pod.metadata.labels[key] === value))
    .map(({ name }) => name);

test("every selector chooses exactly its own pods", () => {
  for (const { metadata, spec } of [...of("Deployment"), ...of("PodDisruptionBudget")]) {
    assert.deepEqual(chosen(spec.selector.matchLabels), [metadata.name]);
  }
  for (const { name, spec } of pods) {
    for (const { labelSelector } of spec.topologySpreadConstraints ?? []) {
      assert.deepEqual(chosen(labelSelector.matchLabels), [name]);
    }
  }
  const [service] = of("Service");
  assert.ok(service);
  assert.deepEqual(chosen(service.spec.selector), ["muster-api"]);
  for (const { targetPort } of service.spec.ports) {
    assert.ok(containerOf("muster-api").ports?.some(({ name }) => name === targetPort));
  }
});

test("what pods take from elsewhere is there: variables, secrets, volumes", () => {
  for (const { name, spec } of pods) {
    const volumes = spec.volumes.map((volume) => volume.name);
    for (const { persistentVolumeClaim } of spec.volumes) {
      if (persistentVolumeClaim) assert.ok(exists("PersistentVolumeClaim", persistentVolumeClaim.claimName), name);
    }
    for (const container of spec.containers) {
      for (const { configMapRef, secretRef } of container.envFrom) {
        assert.ok(configMapRef ? exists("ConfigMap", configMapRef.name) : exists("Secret", secretRef?.name), name);
      }
      for (const mount of container.volumeMounts) assert.ok(volumes.includes(mount.name), `${name}: ${mount.name}`);
      // Of the Dockerfile: the image is read-only, and this is where Muster writes.
      assert.ok(
        container.volumeMounts.some(({ mountPath }) => mountPath === "/data"),
        name,
      );
    }
  }
});

test("probes and scrapes ask for pages that exist, at the port that Muster listens on", () => {
  const routes = createRouteTable({} as never, {} as never).filter(({ method }) => method === "GET");
  const pages = new Set(routes.map(({ path }) => path));
  for (const name of ["muster-api", "muster-worker"]) {
    const container = containerOf(name);
    const port = container.ports?.find((each) => each.name === "http")?.containerPort;
    assert.equal(String(port), container.env?.find((each) => each.name === "PORT")?.value);
    for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe]) {
      assert.equal(probe?.httpGet.port, "http", name);
      assert.ok(pages.has(probe?.httpGet.path ?? ""), probe?.httpGet.path);
    }
    const annotations = pods.find((pod) => pod.name === name)?.metadata.annotations ?? {};
    assert.equal(annotations["prometheus.io/port"], String(port));
    assert.ok(pages.has(annotations["prometheus.io/path"] ?? ""));
  }
});

test("autoscalers scale what exists by what it requests, and a disruption leaves a pod", () => {
  for (const { metadata, spec } of of("HorizontalPodAutoscaler")) {
    assert.ok(exists(spec.scaleTargetRef.kind, spec.scaleTargetRef.name), metadata.name);
    assert.ok(spec.minReplicas >= 2 && spec.maxReplicas > spec.minReplicas);
    for (const { type, resource } of spec.metrics) {
      assert.equal(type, "Resource");
      // Utilisation is a share of the request: without one the autoscaler does nothing.
      assert.ok(containerOf(spec.scaleTargetRef.name).resources.requests[resource.name], metadata.name);
    }
    const budget = of("PodDisruptionBudget").find((each) => each.metadata.name === metadata.name);
    assert.ok(budget && budget.spec.minAvailable >= 1 && budget.spec.minAvailable < spec.minReplicas, metadata.name);
  }
});

test("the connections that the ConfigMap counts are those of the most pods", () => {
  const most = of("HorizontalPodAutoscaler").reduce((sum, { spec }) => sum + spec.maxReplicas + 1, 0);
  const pool = Number(of("ConfigMap")[0]?.data.DATABASE_POOL_MAX);
  const needed = most * (pool + 2) + 20;
  const text = readFileSync(new URL("config.yaml", folder), "utf8");
  assert.match(text, new RegExp(`\\) × ${pool + 2} \\+ 20 = ${needed} must stay below`));
});

test("workers by what waits: the same pods within the same bounds, by a metric that is there, in place of the autoscaler by CPU", () => {
  const option = new URL("../kubernetes-by-queue/", folder);
  const read = (name: string) => readFileSync(new URL(name, option), "utf8");
  const { resources, patches } = parse(read("kustomization.yaml")) as {
    resources: string[];
    patches: { patch: string }[];
  };
  assert.deepEqual(resources, ["../kubernetes", "worker-by-queue.yaml"]);
  const removed = patches.map(({ patch }) => parse(patch) as Manifest & { $patch: string });
  assert.deepEqual(
    removed.map(({ kind, metadata, $patch }) => [$patch, kind, metadata.name]),
    [["delete", "HorizontalPodAutoscaler", "muster-worker"]],
  );
  const replaced = of("HorizontalPodAutoscaler").find(({ metadata }) => metadata.name === "muster-worker");
  const { kind, spec } = parse(read("worker-by-queue.yaml")) as {
    kind: string;
    spec: {
      scaleTargetRef: { kind: string; name: string };
      minReplicaCount: number;
      maxReplicaCount: number;
      triggers: {
        type: string;
        metricType: string;
        metadata: { query?: string; threshold?: string; value?: string };
      }[];
    };
  };
  assert.equal(kind, "ScaledObject");
  assert.ok(replaced);
  assert.deepEqual(spec.scaleTargetRef, replaced.spec.scaleTargetRef);
  assert.deepEqual(
    [spec.minReplicaCount, spec.maxReplicaCount],
    [replaced.spec.minReplicas, replaced.spec.maxReplicas],
  );
  const [queue, cpu] = spec.triggers;
  const { selectors } = readPromQuery(queue?.metadata.query ?? "");
  assert.deepEqual(
    selectors.map(({ metric, labels }) => [metric, labels]),
    [["queue_depth", []]],
  );
  const definitions: Record<string, MetricDefinition> = metricDefinitions;
  assert.equal(definitions[selectors[0]?.metric ?? ""]?.type, "gauge");
  assert.deepEqual([queue?.type, queue?.metricType], ["prometheus", "AverageValue"]);
  assert.ok(Number(queue?.metadata.threshold) >= 1);
  // With Prometheus away: a share of the CPU that the pods request.
  assert.deepEqual([cpu?.type, cpu?.metricType, cpu?.metadata.value], ["cpu", "Utilization", "65"]);
  assert.ok(containerOf("muster-worker").resources.requests.cpu);
});
