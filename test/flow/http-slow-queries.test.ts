import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Database, openDatabase } from "#db";
import { createCallContext, createLogger, createMetrics } from "#metrics";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { createUser, type TestUser } from "../support/api-client.ts";

// With a limit of 0 ms every statement is a slow one: what is looked at is what is told of it, put together as src/main does.

let first: TestApi;
let api: TestApi;
let db: Database;
let user: TestUser;
const lines: string[] = [];

before(async () => {
  first = await startTestApi();
  const context = createCallContext();
  const metrics = createMetrics({ role: "test", context });
  const logger = createLogger({ level: "warn", context, destination: { write: (line) => void lines.push(line) } });
  db = await openDatabase({
    url: first.database.url,
    poolMin: 1,
    poolMax: 2,
    idleTimeoutMs: 1_000,
    connectionTimeoutMs: 5_000,
    slowQueryMs: 0,
    onSlowQuery: (query) => {
      metrics.observeSlowQuery(query);
      logger.warn({ query: query.name, durationMs: query.durationMs, statement: query.statement }, "slow query");
    },
  });
  api = await startTestApi({ beside: first, deps: { db, context, metrics, logger } });
  user = await createUser(api.app, api.database.db);
});
after(async () => {
  await api.close();
  await db.close();
  await first.close();
});

test("a slow query is logged and kept with its route, duration and 200 characters without values, even of requests at once", async () => {
  const secret = "a-title-that-nobody-may-log";
  lines.length = 0;
  await Promise.all([
    user.call("POST", "/api/v1/squads", { template: "pair", name: secret }),
    user.call("GET", "/api/v1/notifications"),
    user.call("GET", "/api/v1/executions"),
  ]);
  const logged = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const routesOf = (pattern: RegExp) =>
    new Set(logged.filter(({ statement }) => pattern.test(String(statement))).map(({ route }) => route));
  assert.deepEqual(routesOf(/INSERT INTO squads/i), new Set(["/api/v1/squads"]));
  assert.deepEqual(routesOf(/FROM notifications/i), new Set(["/api/v1/notifications"]));
  assert.ok(logged.every(({ statement, durationMs }) => String(statement).length <= 200 && Number(durationMs) >= 0));
  assert.ok(!lines.join("").includes(secret));
  const { slowQueries } = api.deps.metrics.performance();
  assert.ok(slowQueries.some(({ route }) => route === "/api/v1/executions"));
  assert.ok(!JSON.stringify(slowQueries).includes(secret));
  assert.match(await api.deps.metrics.text(), /db_slow_queries_total [1-9]/);
});
