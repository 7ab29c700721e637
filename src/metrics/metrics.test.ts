import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createCallContext, createMetrics, mergeSnapshots, metricDefinitions } from "#metrics";

/** The contract's list, written out once more so that a change of a name or label is a decision. */
const contract: Record<string, string[]> = {
  http_requests_total: ["method", "route", "status"],
  http_request_duration_seconds: ["method", "route", "status"],
  http_requests_in_flight: [],
  db_query_duration_seconds: ["query"],
  db_pool_wait_seconds: [],
  db_pool_connections: ["state"],
  db_slow_queries_total: [],
  cache_requests_total: ["cache", "result"],
  llm_request_duration_seconds: ["provider", "model"],
  llm_time_to_first_token_seconds: [],
  llm_first_token_added_seconds: [],
  llm_tokens_total: ["squad_id", "model", "kind"],
  llm_cost_total: ["squad_id", "model"],
  llm_rate_limit_wait_seconds: [],
  executions_total: ["status"],
  execution_duration_seconds: [],
  queue_depth: [],
  queue_wait_seconds: [],
  event_delivery_seconds: [],
  sse_clients: [],
  web_vital: ["name"],
};
const usage = { inputTokens: 10, cacheReadTokens: 4, cacheWriteTokens: 1, outputTokens: 7, reasoningTokens: 2 };
const call = {
  provider: "openai",
  model: "m",
  squadId: "s1",
  durationMs: 20,
  timeToFirstTokenMs: 5,
  rateWaitMs: 0,
  usage,
  costNanoUsd: 500_000_000,
};

describe("the registry", () => {
  test("has exactly the names and labels of the contract, beside Node's own", async () => {
    const actual = Object.fromEntries(
      Object.entries(metricDefinitions).map(([name, { labels }]) => [name, [...labels]]),
    );
    assert.deepEqual(actual, contract);
    const text = await createMetrics({ role: "all" }).text();
    const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1] ?? "");
    const own = names.filter((name) => !/^(nodejs|process)_/.test(name));
    assert.deepEqual(own.sort(), Object.keys(contract).sort());
    assert.ok(names.includes("nodejs_eventloop_lag_seconds"));
  });

  test("buckets rise", () => {
    for (const [name, definition] of Object.entries(metricDefinitions)) {
      const buckets: readonly number[] = "buckets" in definition ? definition.buckets : [];
      assert.deepEqual(
        [...buckets].sort((a, b) => a - b),
        [...buckets],
        name,
      );
    }
  });

  test("a request is counted by its route's pattern; operations are not counted", async () => {
    const metrics = createMetrics({ role: "api" });
    metrics.observeHttp({ method: "GET", route: "/api/v1/squads/:squadId", status: 200, durationMs: 12 });
    metrics.observeHttp({ method: "GET", route: "/health/ready", status: 200, durationMs: 1 });
    metrics.observeHttp({ method: "GET", route: "/metrics", status: 200, durationMs: 1 });
    const text = await metrics.text();
    assert.match(
      text,
      /http_request_duration_seconds_count\{method="GET",route="\/api\/v1\/squads\/:squadId",status="200"\} 1/,
    );
    assert.match(text, /_bucket\{le="0.025",method="GET",route="\/api\/v1\/squads\/:squadId",status="200"\} 1/);
    assert.doesNotMatch(text, /route="\/(health|metrics)/);
  });

  test("a request whose time is not the API's is counted with its status, and timed nowhere", async () => {
    const metrics = createMetrics({ role: "api" });
    metrics.observeHttp({ method: "GET", route: "/r", status: 200, durationMs: 12 });
    metrics.observeHttp({ method: "POST", route: "/v1/chat/completions", status: 200, durationMs: null });
    metrics.observeHttp({ method: "GET", route: "other", status: 503, durationMs: null });
    metrics.observeHttp({ method: "GET", route: "/health/live", status: 503, durationMs: null });
    const text = await metrics.text();
    const lines = (name: string) => text.split("\n").filter((line) => line.startsWith(`${name}{`));
    assert.deepEqual(lines("http_requests_total"), [
      'http_requests_total{method="GET",route="/r",status="200"} 1',
      'http_requests_total{method="POST",route="/v1/chat/completions",status="200"} 1',
      'http_requests_total{method="GET",route="other",status="503"} 1',
    ]);
    assert.equal(lines("http_request_duration_seconds_count").length, 1);
    const { targets } = metrics.performance();
    const live = Object.fromEntries(targets.map((row) => [row.key, row]));
    assert.deepEqual([live.http_p95?.samples, live.error_rate?.samples], [1, 3]);
    assert.ok(Math.abs((live.error_rate?.live ?? 0) - 100 / 3) < 1e-9);
  });

  test("tokens are split into kinds that do not overlap, cost is in dollars, an unknown price adds nothing", async () => {
    const metrics = createMetrics({ role: "worker" });
    metrics.observeLlmCall({ ...call, addedMs: 1.5 });
    metrics.observeLlmCall({ ...call, model: "unpriced", costNanoUsd: null, squadId: null });
    const text = await metrics.text();
    const kinds = [...text.matchAll(/llm_tokens_total\{squad_id="s1",model="m",kind="(\w+)"\} (\d+)/g)];
    assert.deepEqual(Object.fromEntries(kinds.map((match) => [match[1], Number(match[2])])), {
      input: 5,
      cache_read: 4,
      cache_write: 1,
      output: 5,
      reasoning: 2,
    });
    assert.match(text, /llm_cost_total\{squad_id="s1",model="m"\} 0.5\n/);
    assert.doesNotMatch(text, /llm_cost_total\{[^}]*unpriced/);
    // Only the call that knows what Muster added: nothing is guessed for the others.
    assert.match(text, /^llm_first_token_added_seconds_count 1$/m);
    assert.match(text, /^llm_first_token_added_seconds_bucket\{le="0.001"\} 0$/m);
    assert.match(text, /^llm_first_token_added_seconds_bucket\{le="0.002"\} 1$/m);
  });

  test("labels are bounded whatever is put into them", async () => {
    const metrics = createMetrics({ role: "all" });
    for (let i = 0; i < 10_000; i++) {
      metrics.observeHttp({ method: `M${i}`, route: `/x/${i}`, status: 200, durationMs: 1 });
      metrics.observeQuery(`query_${i}`, 1);
      metrics.observeCache(`cache_${i}`, "hit");
      metrics.observeLlmCall({ ...call, squadId: `squad-${i}`, model: `model-${i}` });
    }
    const text = await metrics.text();
    const series = (name: string) => text.split("\n").filter((line) => line.startsWith(`${name}{`)).length;
    assert.equal(series("http_request_duration_seconds_count"), 2_001);
    assert.equal(series("db_query_duration_seconds_count"), 501);
    assert.equal(series("cache_requests_total"), 201);
    assert.equal(series("llm_cost_total"), 3_001);
    assert.match(text, /http_request_duration_seconds_count\{method="other",route="other",status="other"\} 8000/);
  });

  test("gauges ask their source at each scrape, and a failing queue leaves the rest", async () => {
    const metrics = createMetrics({ role: "all" });
    metrics.watchPool(() => ({ total: 7, idle: 3, waiting: 2 }));
    let depth: () => Promise<number> = () => Promise.resolve(42);
    metrics.watchQueue(() => depth());
    const text = await metrics.text();
    assert.match(text, /db_pool_connections\{state="active"\} 4/);
    assert.match(text, /db_pool_connections\{state="waiting"\} 2/);
    assert.match(text, /queue_depth 42/);
    depth = () => Promise.reject(new Error("no database"));
    assert.match(await metrics.text(), /queue_depth 42/);
  });

  test("the processes of a machine add up to one text", async () => {
    const [a, b] = [createMetrics({ role: "api" }), createMetrics({ role: "api" })];
    a.observeHttp({ method: "GET", route: "/r", status: 200, durationMs: 1 });
    b.observeHttp({ method: "GET", route: "/r", status: 200, durationMs: 1 });
    a.sseClients(1);
    b.sseClients(1);
    const text = await mergeSnapshots([await a.snapshot(), await b.snapshot()]);
    assert.match(text, /http_request_duration_seconds_count\{method="GET",route="\/r",status="200"\} 2/);
    assert.match(text, /sse_clients 2/);
  });
});

describe("the live figures", () => {
  const find = (metrics: ReturnType<typeof createMetrics>, key: string) =>
    metrics.performance().targets.find((row) => row.key === key);

  test("are null before anything happened", () => {
    const { targets } = createMetrics({ role: "all" }).performance();
    assert.ok(targets.length >= 16);
    assert.ok(targets.every((row) => row.live === null && row.verdict === "unknown" && row.samples === 0));
  });

  test("percentiles, error rate, cache ratio and verdicts", () => {
    const metrics = createMetrics({ role: "all" });
    for (let ms = 1; ms <= 100; ms++) {
      metrics.observeHttp({ method: "GET", route: "/r", status: ms === 1 ? 500 : 200, durationMs: ms });
    }
    for (let i = 0; i < 19; i++) metrics.observeCache("response", "hit");
    metrics.observeCache("response", "miss");
    metrics.observeCache("llm", "miss");
    metrics.observeQuery("q", 1);
    metrics.observeQuery("q", 2);
    const p95 = find(metrics, "http_p95");
    assert.ok(Math.abs((p95?.live ?? 0) - 95) < 3, String(p95?.live));
    assert.equal(p95?.verdict, "missed");
    assert.equal(p95?.history.length, 1);
    assert.equal(find(metrics, "error_rate")?.live, 1);
    assert.equal(find(metrics, "cache_ratio")?.live, 95);
    assert.equal(find(metrics, "cache_ratio")?.verdict, "met");
    assert.equal(find(metrics, "db_average")?.live, 1.5);
  });

  test("a figure without a target is shown and not judged", async () => {
    const metrics = createMetrics({ role: "api" });
    for (const ms of [4, 4, 60]) metrics.observeEventDelivery(ms);
    const [p50, p99] = [find(metrics, "event_delivery_p50"), find(metrics, "event_delivery_p99")];
    assert.deepEqual([p50?.target, p50?.verdict, p50?.samples], [null, "unknown", 3]);
    assert.ok(Math.abs((p50?.live ?? 0) - 4) < 0.5, String(p50?.live));
    assert.deepEqual([p99?.target, p99?.verdict], [50, "missed"]);
    assert.match(await metrics.text(), /^event_delivery_seconds_bucket\{le="0.05"\} 2$/m);
  });

  test("forget what is older than five minutes and keep its history until then", () => {
    let now = 1_000_000;
    const metrics = createMetrics({ role: "all", now: () => now });
    metrics.observePoolWait(500);
    now += 60_000;
    metrics.observePoolWait(1);
    assert.equal(find(metrics, "pool_wait_p99")?.history.length, 2);
    now += 250_000;
    const row = find(metrics, "pool_wait_p99");
    assert.equal(row?.samples, 1);
    assert.ok((row?.live ?? 0) <= 1);
    now += 300_000;
    assert.equal(find(metrics, "pool_wait_p99")?.live, null);
  });

  test("slow queries carry their route and at most 200 characters; web vitals are rated by page, and judged over all pages", () => {
    const context = createCallContext();
    const metrics = createMetrics({ role: "all", context });
    context.run({ route: "/api/v1/tasks" }, () =>
      metrics.observeSlowQuery({ name: "q", durationMs: 1500, statement: "x".repeat(500) }),
    );
    const { slowQueries, webVitals, targets } = metrics.performance(
      [],
      [
        { page: null, name: "LCP", p75: 1_500, samples: 8 },
        { page: "/squads/[id]", name: "LCP", p75: 300, samples: 4 },
      ],
    );
    const lcp = targets.find((row) => row.key === "lcp");
    assert.deepEqual([lcp?.live, lcp?.samples, lcp?.verdict], [1_500, 8, "missed"]);
    assert.equal(slowQueries[0]?.route, "/api/v1/tasks");
    assert.equal(slowQueries[0]?.query.length, 200);
    assert.deepEqual(webVitals, [{ page: "/squads/[id]", name: "LCP", p75: 300, samples: 4, rating: "good" }]);
  });

  test("those of another process are added", async () => {
    const [a, b] = [createMetrics({ role: "api" }), createMetrics({ role: "worker" })];
    a.observeQuery("q", 1);
    b.observeQuery("q", 3);
    const other = structuredClone((await b.snapshot()).live);
    const { targets, processes, roles } = a.performance([other]);
    const row = targets.find((each) => each.key === "db_average");
    assert.deepEqual([row?.live, row?.samples], [2, 2]);
    assert.deepEqual([processes, roles], [2, ["api", "worker"]]);
  });
});
