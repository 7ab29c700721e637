import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { HttpDependencies } from "#http";
import { createMetrics } from "#metrics";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { call, createUser, type TestUser } from "../support/api-client.ts";

// What of the API is in its metrics: every answer with its status, and the time of those that the API itself takes.

let api: TestApi;
let user: TestUser;

before(async () => {
  api = await startTestApi();
  user = await createUser(api.app, api.database.db);
});
after(() => api.close());

/** Another process on the same database, with metrics of its own; a slow machine is no overload here. */
async function startBeside(deps: Partial<HttpDependencies>): Promise<TestApi> {
  const limits = { maxLoopDelayMs: 60_000, ...deps.limits };
  return startTestApi({ beside: api, deps: { metrics: createMetrics({ role: "test" }), ...deps, limits } });
}

/** `method route status` → count, of the counter and of the histogram. */
async function counted({ deps }: TestApi): Promise<{ all: Record<string, number>; timed: Record<string, number> }> {
  const text = await deps.metrics.text();
  const of = (name: string) =>
    Object.fromEntries(
      [...text.matchAll(new RegExp(`^${name}\\{method="(.*)",route="(.*)",status="(.*)"\\} (\\d+)$`, "gm"))].map(
        ([, method, route, status, count]) => [`${method} ${route} ${status}`, Number(count)],
      ),
    );
  return { all: of("http_requests_total"), timed: of("http_request_duration_seconds_count") };
}

const page = "/api/v1/squads";

test("what is refused is counted with its route and status, and is not timed", async () => {
  const limits = { perCaller: { perSecond: 0.001, burst: 2 }, perAddress: { perSecond: 0.001, burst: 4 } };
  const strict = await startBeside({ limits });
  try {
    const as = (token: string | null, method: string, url: string, headers: Record<string, string> = {}) =>
      call(strict.app, method, url, {
        headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
      });
    assert.equal((await as(user.token, "GET", page)).status, 200);
    assert.equal((await as(user.token, "POST", "/api/v1/api-keys")).status, 403);
    assert.equal((await as(user.token, "GET", page)).status, 200);
    assert.equal((await as(user.token, "GET", page)).status, 429);
    assert.equal((await as(null, "GET", "/api/v1/executions/x/events")).status, 401);
    assert.equal((await as("mst_wrong", "GET", page)).status, 401);
    assert.equal((await as(null, "POST", page, { "sec-fetch-site": "cross-site" })).status, 403);
    const { all, timed } = await counted(strict);
    assert.deepEqual(all, {
      [`GET ${page} 200`]: 2,
      "POST /api/v1/api-keys 403": 1,
      [`GET ${page} 429`]: 1,
      "GET /api/v1/executions/:executionId/events 401": 1,
      [`GET ${page} 401`]: 1,
      [`POST ${page} 403`]: 1,
    });
    assert.deepEqual(timed, { [`GET ${page} 200`]: 2 });
  } finally {
    await strict.close();
  }
});

test("an overload is in the error rate, whether the framework saw the request or not", async () => {
  const busy = await startBeside({ limits: { maxInFlight: 0 } });
  try {
    const headers = { authorization: `Bearer ${user.token}` };
    assert.equal((await call(busy.app, "GET", page, { headers })).status, 503);
    const origin = await busy.app.listen({ host: "127.0.0.1", port: 0 });
    for (const url of ["/api/v1/tasks", "/v1/models"]) {
      assert.equal((await fetch(`${origin}${url}`, { headers })).status, 503);
    }
    const { all, timed } = await counted(busy);
    assert.deepEqual([all, timed], [{ [`GET ${page} 503`]: 1, "GET other 503": 2 }, {}]);
    const rate = busy.deps.metrics.performance().targets.find((row) => row.key === "error_rate");
    assert.deepEqual([rate?.live, rate?.samples, rate?.verdict], [100, 3, "missed"]);
  } finally {
    await busy.close();
  }
});

test("calls that wait for a provider, files and streams are counted, and not timed as the API", async () => {
  const waiting = await startBeside({});
  try {
    const post = (url: string, body: unknown) =>
      call(waiting.app, "POST", url, { body, headers: { authorization: `Bearer ${user.token}` } });
    const messages = [{ role: "user", content: "Hello" }];
    assert.equal((await post("/v1/chat/completions", { model: "test/echo", messages })).status, 200);
    assert.equal((await post("/v1/chat/completions", { model: "test/broken", messages })).status, 500);
    assert.equal((await post("/v1/embeddings", { model: "test/echo", input: "Hello" })).status, 200);
    assert.equal((await post("/api/v1/agent/chat/stream", { model: "test/echo", message: "Hello" })).status, 200);
    const { all, timed } = await counted(waiting);
    assert.deepEqual(all, {
      "POST /v1/chat/completions 200": 1,
      "POST /v1/chat/completions 500": 1,
      "POST /v1/embeddings 200": 1,
      "POST /api/v1/agent/chat/stream 200": 1,
    });
    assert.deepEqual(timed, {});
  } finally {
    await waiting.close();
  }
});

test("the time counts from the arrival on, so also while it is found out whose request it is", async () => {
  const slow = await startBeside({});
  const origin = await slow.app.listen({ host: "127.0.0.1", port: 0 });
  const { pool } = api.database.db;
  const holder = await pool.connect();
  // Far more than the rest of a first request takes, on a slow machine too.
  const heldMs = 500;
  try {
    await holder.query("BEGIN; LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE");
    const answer = fetch(`${origin}${page}`, { headers: { authorization: `Bearer ${user.token}` } });
    const isWaiting = async () =>
      (await holder.query("SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'api_keys'::regclass")).rowCount;
    let early: Response | undefined;
    void answer.then((response) => {
      early = response;
    });
    while (!(await isWaiting())) assert.equal(early, undefined, "answered without looking the key up");
    const heldFrom = performance.now();
    while (performance.now() - heldFrom < heldMs) await isWaiting();
    await holder.query("COMMIT");
    assert.equal((await answer).status, 200);
  } finally {
    holder.release();
    await slow.close();
  }
  const [, sum] = /^http_request_duration_seconds_sum\{.*\} (\S+)$/m.exec(await slow.deps.metrics.text()) ?? [];
  assert.ok(Number(sum) * 1_000 >= heldMs, `${sum} s`);
});

test("web vitals are shown by every process, also by one that started after them, and judged over all pages", async () => {
  const fresh = await createUser(api.app, api.database.db);
  await api.database.db.query("test_vitals_clear", "DELETE FROM web_vitals");
  const [one, two] = ["/one", "/two"] as const;
  const send = async (page: string, values: number[]) => {
    const vitals = values.map((value) => ({ name: "LCP", value, page, rating: "good" }));
    assert.equal((await fresh.call("POST", "/api/v1/vitals", { vitals })).status, 204);
  };
  await send(one, [100, 200, 300, 400]);
  await send(two, [2_000, 2_600, 2_600, 5_000]);
  await api.database.db.query(
    "test_vitals_old",
    `INSERT INTO web_vitals (name, value, page, rating, at) VALUES ('LCP', 9000, '/one', 'poor', now() - interval '8 days')`,
  );
  const later = await startBeside({});
  const rename = (from: string, to: string) => api.database.db.pool.query(`ALTER TABLE ${from} RENAME TO ${to}`);
  try {
    const read = () =>
      call(later.app, "GET", "/api/v1/performance", { headers: { authorization: `Bearer ${fresh.token}` } });
    const { body } = await read();
    assert.deepEqual(body.webVitals, [
      { page: one, name: "LCP", p75: 300, samples: 4, rating: "good" },
      { page: two, name: "LCP", p75: 2_600, samples: 4, rating: "needs-improvement" },
    ]);
    const lcp = body.targets.find((row: { key: string }) => row.key === "lcp");
    assert.deepEqual([lcp.live, lcp.samples, lcp.verdict], [2_600, 8, "missed"]);
    await rename("web_vitals", "web_vitals_away");
    const without = await read().finally(() => rename("web_vitals_away", "web_vitals"));
    assert.deepEqual([without.status, without.body.webVitals], [200, body.webVitals]);
  } finally {
    await later.close();
  }
});

test("whoever sends no credential is limited by address at public routes too, and stores nothing past it", async () => {
  const strict = await startBeside({ limits: { perAddress: { perSecond: 0.001, burst: 2 } } });
  try {
    const page = `/pages-${user.id}`;
    const body = { vitals: [{ name: "LCP", value: 1, page, rating: "good" }] };
    const send = async (headers: Record<string, string> = {}) =>
      (await call(strict.app, "POST", "/api/v1/vitals", { body, headers })).status;
    assert.deepEqual([await send(), await send(), await send(), await send()], [204, 204, 429, 429]);
    assert.equal(await send({ authorization: `Bearer ${user.token}` }), 204);
    const { rows } = await api.database.db.query<{ n: number }>(
      "test_vitals",
      "SELECT count(*) AS n FROM web_vitals WHERE page = $1",
      [page],
    );
    assert.equal(rows[0]?.n, 3);
    for (const url of ["/health/live", "/health/ready", "/metrics"]) {
      assert.equal((await call(strict.app, "GET", url)).status, 200, url);
    }
  } finally {
    await strict.close();
  }
});
