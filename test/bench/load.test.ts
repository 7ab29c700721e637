import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { type LoadHookContext, registerHooks } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import { metricDefinitions } from "#metrics";
import { playProfile } from "../../bench/load/play-profile.ts";
import { durationMs, fill, type Profile, pick, readProfile, usersAt } from "../../bench/load/profile.ts";
import { serverFigures, slowQueryMs } from "../../bench/load/server-figures.ts";
import { judge } from "../../bench/load/summary.ts";
import { agreementRows, queryAgreementRow, slowQueriesRow } from "../../bench/tables/profile.ts";

const root = new URL("../../", import.meta.url);

test("the bound of slow queries is one of the histogram's", () => {
  assert.ok(metricDefinitions.db_query_duration_seconds.buckets.some((bound) => bound * 1_000 === slowQueryMs));
});

describe("profiles", () => {
  test("seed has the seed's stages and thresholds; mixed the same stages and Muster's", () => {
    const [seed, mixed] = [readProfile("seed"), readProfile("mixed")];
    assert.deepEqual(
      seed.stages.map(({ duration, target }) => `${duration} ${target}`),
      ["2m 100", "5m 100", "2m 200", "5m 200", "2m 0"],
    );
    assert.deepEqual(mixed.stages, seed.stages);
    assert.deepEqual(seed.thresholds["http_req_duration{kind:api}"], ["p(95)<500"]);
    assert.deepEqual(seed.thresholds.http_req_failed, ["rate<0.01"]);
    assert.deepEqual(mixed.thresholds["http_req_duration{kind:api}"], ["p(95)<50", "p(99)<100"]);
    assert.deepEqual(mixed.thresholds.http_req_failed, ["rate==0"]);
    const requests = mixed.scenarios.flatMap((scenario) => scenario.requests.map((request) => request.name));
    for (const name of ["squads", "execution", "messages", "create-task", "start-execution", "stream"]) {
      assert.ok(requests.includes(name), name);
    }
  });

  test("users ramp in straight lines and the profile ends", () => {
    const profile = readProfile("seed");
    assert.equal(usersAt(profile, 0, 1), 0);
    assert.equal(usersAt(profile, 60_000, 1), 50);
    assert.equal(usersAt(profile, 6 * 60_000, 1), 100);
    assert.equal(usersAt(profile, 13 * 60_000, 1), 200);
    assert.equal(usersAt(profile, 16 * 60_000, 1), null);
    assert.equal(usersAt(profile, 600, 0.01), 50);
    assert.equal(durationMs("1m30s"), 90_000);
    assert.throws(() => durationMs("soon"));
  });

  test("variables fill paths; one that is missing leaves the request out", () => {
    assert.equal(fill("/a/{{id}}?c={{cursor}}", { id: "1", cursor: "x" }), "/a/1?c=x");
    assert.equal(fill("/a/{{id}}", {}), null);
    assert.equal(pick({ task: { id: "t1" } }, "task.id"), "t1");
    assert.equal(pick({ nextCursor: null }, "nextCursor"), undefined);
  });
});

test("thresholds are judged as k6 does", () => {
  const durations = Array.from({ length: 100 }, (_, index) => index + 1);
  const statistics = [
    { name: "a", kind: "api" as const, durations, failed: 1, late: 2 },
    { name: "s", kind: "stream" as const, durations: [9_000], failed: 0, late: 0 },
  ];
  const passed = (metric: string, condition: string) => judge({ [metric]: [condition] }, statistics)[0]?.passed;
  assert.equal(passed("http_req_duration{kind:api}", "p(95)<96"), true);
  assert.equal(passed("http_req_duration{kind:api}", "p(95)<95"), false);
  assert.equal(passed("http_req_duration{kind:api}", "avg<=50.5"), true);
  assert.equal(passed("http_req_duration", "max<100"), false);
  assert.equal(passed("http_req_failed", "rate<0.01"), true);
  assert.equal(passed("http_req_failed", "rate==0"), false);
  assert.equal(passed("checks", "rate>0.97"), true, "98 of 101: one failed, two were late");
  assert.equal(passed("checks", "rate>0.98"), false);
  assert.equal(judge({ http_req_failed: ["rate==0"] }, [])[0]?.passed, false, "nothing measured is no pass");
  assert.throws(() => judge({ nonsense: ["rate<1"] }, statistics));
});

test("the server's own figures are the difference of two scrapes", () => {
  const scrape = (count: number, slow: number) =>
    [
      `http_request_duration_seconds_bucket{le="0.01",route="/a",status="200"} ${count - slow}`,
      `http_request_duration_seconds_bucket{le="0.05",route="/a",status="200"} ${count}`,
      `http_request_duration_seconds_bucket{le="+Inf",route="/a",status="200"} ${count}`,
      `http_request_duration_seconds_count{route="/a",status="200"} ${count}`,
      `db_query_duration_seconds_bucket{le="0.025",query="q"} ${count - 2 * slow}`,
      `db_query_duration_seconds_bucket{le="0.05",query="q"} ${count - slow}`,
      `db_query_duration_seconds_bucket{le="0.1",query="q"} ${count}`,
      `http_requests_total{route="/a",status="200"} ${count}`,
      `http_requests_total{route="/a",status="503"} ${slow}`,
      `db_query_duration_seconds_count{query="q"} ${count}`,
      `db_query_duration_seconds_bucket{le="0.05",query="quick"} ${count}`,
      `db_query_duration_seconds_count{query="quick"} ${count}`,
      `db_query_duration_seconds_sum{query="quick"} ${count * 0.002}`,
      `db_query_duration_seconds_sum{query="q"} ${count * 0.002}`,
      `cache_requests_total{cache="response",result="hit"} ${count}`,
      `cache_requests_total{cache="response",result="miss"} ${slow}`,
      `cache_requests_total{cache="llm",result="miss"} 500`,
    ].join("\n");
  const figures = serverFigures([scrape(1_000, 0)], [scrape(1_100, 10)]);
  assert.equal(figures.requests, 100);
  assert.equal(figures.errors, 10);
  assert.ok(Math.abs((figures.queryAverageMs ?? 0) - 2) < 1e-9);
  assert.deepEqual(figures.slowQueries, [{ query: "q", count: 10 }]);
  const row = slowQueriesRow("Load profile, short", figures);
  assert.deepEqual([row.figure, row.verdict], ["10", "missed"]);
  assert.match(row.note, /of 200, .*; q 10$/);
  assert.equal(
    slowQueriesRow("Load profile, short", serverFigures([scrape(1_000, 0)], [scrape(1_100, 0)])).verdict,
    "met",
  );
  assert.equal(slowQueriesRow("Load profile, short", serverFigures([], [])).verdict, "not measured");
  assert.ok((figures.p95Ms ?? 0) > 10 && (figures.p95Ms ?? 0) < 50);
  assert.ok(Math.abs((figures.cacheRatio ?? 0) - 100 / 110) < 1e-9);
});

test("what the load tool and /metrics tell agrees within a tolerance, or does not", () => {
  const client = { p95: 20, p99: 40, failed: 0, requests: 1_000 };
  const verdicts = (server: Parameters<typeof agreementRows>[2]) =>
    agreementRows("Load profile, short", client, server).map(({ verdict }) => verdict);
  const same = { p95Ms: 18, p99Ms: 44, errors: 0, requests: 1_080 };
  assert.deepEqual(verdicts(same), ["met", "met", "met", "met"]);
  const queries = { queries: 1_000, queryAverageMs: 2 };
  const row = (activeMs: number) => queryAgreementRow("Load profile, short", activeMs, queries).verdict;
  assert.deepEqual([row(1_500), row(200), row(6_000)], ["met", "missed", "missed"]);
  assert.deepEqual(verdicts({ ...same, p95Ms: 8 }), ["missed", "met", "met", "met"], "far below counts as well");
  assert.deepEqual(verdicts({ ...same, p99Ms: null, errors: 1, requests: 700 }), ["met", "missed", "missed", "missed"]);
});

/** A server that answers what the profile asks for; `broken` makes every tenth task creation fail. */
async function startAnswers(broken: boolean): Promise<{
  server: Server;
  origin: string;
  seen: Map<string, number>;
  asked: { method: string; url: string }[];
}> {
  const seen = new Map<string, number>();
  const asked: { method: string; url: string }[] = [];
  const answer = (request: IncomingMessage): [number, string] => {
    asked.push({ method: request.method ?? "", url: request.url ?? "" });
    const path = (request.url ?? "").replace(/\?.*/, "");
    const key = `${request.method} ${path.replace(/\/(s|e|t)\d+/g, "/:id")}`;
    const count = (seen.get(key) ?? 0) + 1;
    seen.set(key, count);
    if (request.headers.authorization !== "Bearer key") return [401, "{}"];
    if (key === "POST /api/v1/tasks") return broken && count % 10 === 0 ? [500, "{}"] : [201, '{"task":{"id":"t1"}}'];
    if (key === "POST /api/v1/tasks/:id/executions") return [202, '{"execution":{"id":"e9"}}'];
    if (key === "POST /api/v1/squads") return [201, '{"squad":{"id":"s9"}}'];
    if (path.endsWith("/events")) return [200, "event: execution-end\ndata: {}\n\n"];
    if (path.endsWith("/squads")) return [200, '{"data":[{"id":"s1"}]}'];
    return [200, '{"data":[{"id":"e1"}],"nextCursor":"c1"}'];
  };
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      const [status, body] = answer(request);
      response.writeHead(status, { "content-type": "application/json" }).end(body);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, asked };
}

const short: Profile = {
  ...readProfile("mixed"),
  stages: [
    { duration: "1s", target: 20 },
    { duration: "1s", target: 20 },
  ],
  // What is judged here is the tool, on a machine that others use.
  thresholds: { "http_req_duration{kind:api}": ["p(95)<5000"], http_req_failed: ["rate==0"] },
  thinkSeconds: 0.02,
};

test("the Node runner plays every scenario and fails the thresholds that are not met", async (t) => {
  const good = await startAnswers(false);
  t.after(() => good.server.close());
  const options = { profile: short, apiKeys: ["key"], scale: 1, processes: 2, seed: 1 };
  const { result } = await playProfile({ ...options, origins: [good.origin] });
  assert.deepEqual(result.problems, []);
  assert.ok(result.thresholds.every((threshold) => threshold.passed));
  assert.ok(result.iterations > 100);
  for (const key of [
    "GET /api/v1/squads",
    "GET /api/v1/dashboard",
    "GET /api/v1/executions/:id/messages",
    "POST /api/v1/tasks/:id/executions",
    "GET /api/v1/executions/:id/events",
  ]) {
    assert.ok((good.seen.get(key) ?? 0) > 0, key);
  }
  const bad = await startAnswers(true);
  t.after(() => bad.server.close());
  const failed = await playProfile({ ...options, origins: [bad.origin] });
  assert.equal(failed.result.thresholds.find((each) => each.metric === "http_req_failed")?.passed, false);
  assert.ok(failed.result.problems.some((problem) => problem.includes("500")));
});

test("npm run bench:load exits with 1 when a threshold fails, and with 0 when all hold", async (t) => {
  const answers = await startAnswers(false);
  t.after(() => answers.server.close());
  const runner = new URL("bench/load/run.ts", root).pathname;
  // The seed's thresholds, which leave a busy machine room.
  const options = ["--profile", "seed", "--url", answers.origin, "--scale", "0.003", "--users", "0.1"];
  for (const [key, expected, line] of [
    ["key", 0, /^PASS {2}http_req_failed rate<0.01/m],
    ["a key that is not known", 1, /^FAIL {2}http_req_failed rate<0.01/m],
  ] as const) {
    const child = spawn(process.execPath, [runner, ...options, "--key", key], { stdio: ["ignore", "pipe", "inherit"] });
    const [printed, [code]] = await Promise.all([text(child.stdout), once(child, "exit")]);
    assert.equal(code, expected, printed);
    assert.match(printed, line);
  }
});

test("figures of less than the whole load are not written beside its targets", async () => {
  const runner = new URL("bench/load/run.ts", root).pathname;
  for (const option of [
    ["--users", "0.5"],
    ["--data", "small"],
    ["--url", "http://127.0.0.1:9"],
  ]) {
    const child = spawn(process.execPath, [runner, "--write", ...option], { stdio: ["ignore", "ignore", "pipe"] });
    const [said, [code]] = await Promise.all([text(child.stderr), once(child, "exit")]);
    assert.equal(code, 1);
    assert.match(said, /leave out --url, --data, --users/);
  }
});

/**
 * k6 is a program of its own and is not here: its three modules are replaced by ones that note what they are asked, so that
 * at least syntax, imports, options and the requests of an iteration are checked.
 */
test("the k6 scripts load, carry stages and thresholds, and play the profile", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "muster-k6-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const asked: { method: string; url: string; key: string }[] = [];
  const answer = (method: string, url: string) => {
    const body =
      method === "POST" && url.endsWith("/tasks")
        ? { task: { id: "t1" } }
        : method === "POST" && url.endsWith("/executions")
          ? { execution: { id: "e9" } }
          : method === "POST"
            ? { squad: { id: "s9" } }
            : { data: [{ id: "x1" }], nextCursor: "c1" };
    const status = method === "GET" ? 200 : url.endsWith("/executions") ? 202 : 201;
    const json = (path?: string) =>
      path === undefined
        ? body
        : path.split(".").reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], body);
    return { status, body: "execution-end", json, timings: { duration: 1 } };
  };
  const k6 = {
    request: (method: string, url: string, _body: unknown, options: { headers: Record<string, string> }) => {
      asked.push({ method, url, key: options.headers.Authorization ?? "" });
      return answer(method, url);
    },
    check: (value: unknown, checks: Record<string, (value: unknown) => boolean>) =>
      Object.values(checks).every((holds) => holds(value)),
    sleep: () => undefined,
  };
  Object.assign(globalThis, {
    __ENV: { MUSTER_URL: "http://muster.test", MUSTER_API_KEY: "mst_test", SCALE: "0.1" },
    __VU: 1,
    __ITER: 0,
    open: (path: string) => readFileSync(new URL(path, new URL("bench/k6/", root)), "utf8"),
    k6,
  });
  const modules: Record<string, string> = {
    k6: "export const { check, sleep } = globalThis.k6;",
    "k6/http": "export default { request: globalThis.k6.request };",
  };
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier in modules ? { url: `fake:${specifier}`, shortCircuit: true } : next(specifier, context),
    load: (url: string, context: LoadHookContext, next) => {
      const source = modules[url.replace("fake:", "")];
      return url.startsWith("fake:") && source !== undefined
        ? { format: "module", source, shortCircuit: true }
        : next(url, context);
    },
  });
  for (const name of ["mixed", "seed"]) {
    const script = (await import(new URL(`bench/k6/${name}.js`, root).href)) as {
      options: { stages: { duration: string; target: number }[]; thresholds: Record<string, string[]> };
      default: () => void;
    };
    const profile = readProfile(name);
    assert.deepEqual(script.options.thresholds, profile.thresholds);
    assert.deepEqual(script.options.stages[0], { duration: "12s", target: 100 });
    // The rarest thing of the profile is 3 in 100: it is not left out by chance.
    for (let i = 0; i < 1_000; i++) script.default();
  }
  const shapes = (list: { method: string; url: string }[]) =>
    [
      ...new Set(
        list.map(
          ({ method, url }) => `${method} ${url.replace(/^http:\/\/[^/]+/, "").replace(/\b[sxet]\d+\b/g, ":id")}`,
        ),
      ),
    ].sort();
  // The runner in Node asks a server for the same things: one profile, two players.
  const other = await startAnswers(false);
  t.after(() => other.server.close());
  await playProfile({ profile: short, apiKeys: ["key"], scale: 1, processes: 1, seed: 7, origins: [other.origin] });
  // It reads the server's own figures beside.
  assert.deepEqual(shapes(asked), shapes(other.asked.filter(({ url }) => url !== "/metrics")));
  assert.ok(shapes(asked).includes("GET /api/v1/executions/:id/events"));
  assert.ok(asked.every(({ key }) => key === "Bearer mst_test"));
});
