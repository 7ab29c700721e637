import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Database, seed, seedId, uuidv7 } from "#db";
import { acceptExecution, readUserChange, rollUpUsage, sweepDeferredCalls } from "#domain";
import { buryDeadWorkers, claimOne } from "#queue";
import { maintain } from "#worker";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { call, signInCookie } from "../support/api-client.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createSide, doWrite, everyWrite, type Side } from "../support/every-write.ts";
import { insertTask } from "../support/executions.ts";
import {
  assertNothingWhole,
  type ExplainedDatabase,
  explainedRows,
  openExplained,
} from "../support/explained-database.ts";
import { plannedInHotWrites } from "../support/statement-names.ts";
import { scriptedGateway, startTestWorker } from "../support/worker.ts";

// What hot-statements.test.ts does for reads and the ways of an execution: whatever a user writes, what a worker asks when it takes up
// what another left, and the housekeeping. The plan of each statement is told while it runs.

let database: TestDatabase;
let explained: ExplainedDatabase;
let db: Database;
let api: TestApi;
let side: Side;
let name: string;
let userId: string;

before(async () => {
  database = await createTestDatabase({ poolMax: 4 });
  const owner = { email: "hot-writes@example.org", name: "Hot", passwordHash: "!" };
  ({ name, userId } = await seed(database.db, { owner, messages: 100_000 }));
  await rollUpUsage(database.db);
  for (const statement of explainedRows) await database.db.pool.query(statement);
  explained = await openExplained(database.url);
  db = explained.db;
  api = await startTestApi({ database: { url: database.url, db, drop: async () => undefined } });
  side = await createSide(api, 5);
  await database.db.pool.query("ANALYZE");
});
after(async () => {
  await api?.close();
  await db?.close();
  await database.drop();
});

/** Fails when it read a table that grows as a whole, those named apart. */
async function check(what: string, work: () => Promise<unknown>, whole: readonly string[] = []): Promise<void> {
  explained.take();
  await work();
  const told = explained.take();
  assert.ok(told.length > 0, `${what}: nothing was told`);
  assertNothingWhole(told, what, whole);
}

const ask = async (method: string, url: string, body?: unknown, more: Record<string, string> = {}) => {
  const answer = await call(api.app, method, url, {
    headers: { authorization: `Bearer ${side.user.token}`, ...more },
    ...(body === undefined ? {} : { body }),
  });
  return answer;
};

test("every write of the API that is counted", async () => {
  for (const write of everyWrite) await check(write.what, () => doWrite(api, write, side));
});

const picture = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

test("and every other", async () => {
  const vitals = [{ name: "LCP", value: 1, page: "/", rating: "good" }];
  const member = `/api/v1/squads/${side.own.squad}/members/${side.own.squadMember}/avatar`;
  const chat = { model: "test/echo", messages: [{ role: "user", content: "hi" }] };
  const key = { "idempotency-key": "once" };
  const others: [method: string, url: string, body?: unknown, headers?: Record<string, string>][] = [
    ["POST", "/api/v1/vitals", { vitals }],
    ["PUT", "/api/v1/me/avatar", { imageBase64: picture }],
    ["DELETE", "/api/v1/me/avatar"],
    ["PUT", member, { imageBase64: picture }],
    ["DELETE", member],
    ["POST", "/v1/chat/completions", chat, key],
    ["POST", "/v1/chat/completions", chat, key],
    ["POST", "/v1/chat/completions", { ...chat, model: "squad/none" }, { "idempotency-key": "fails" }],
    ["POST", "/v1/chat/completions", chat, { "x-muster-lane": "deferred", "idempotency-key": "later" }],
    ["POST", "/api/v1/agent/chat/stream", { model: "test/echo", message: "hi" }],
    ["GET", "/api/v1/usage/export?from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z"],
    ["POST", "/api/v1/auth/sign-in", { email: side.user.email, password: "a password that is long" }],
  ];
  for (const [method, url, body, headers] of others) {
    await check(`${method} ${url}`, async () => {
      const { status, body: answer } = await ask(method, url, body, headers);
      assert.ok(status < 300 || headers?.["idempotency-key"] === "fails", `${status} ${JSON.stringify(answer)}`);
    });
  }
  const cookie = await signInCookie(api.app, side.user.email);
  await check("signing out", () => call(api.app, "POST", "/api/v1/auth/sign-out", { headers: { cookie } }));
});

test("what whoever watches is told of changes", async () => {
  const areas = new Set(["notifications", "usage"] as const);
  await check("changes", async () => {
    const { tasks } = await readUserChange(db, { userId }, { executionIds: [seedId(name, "execution", 0)], areas });
    assert.equal(tasks.length, 1);
  });
});

test("an execution that a worker left is taken up again", async () => {
  const left = seedId(name, "execution", 0);
  await database.db.pool.query(
    "UPDATE task_executions SET status = 'running', worker_id = $2, running_since = now() - interval '1 minute', ended_at = NULL WHERE id = $1",
    [left, uuidv7()],
  );
  const gateway = scriptedGateway(() => "An answer.");
  await check("taking up", async () => {
    const worker = await startTestWorker({ db, url: database.url, gateway });
    try {
      await new Promise<void>((resolve, reject) =>
        worker.hub.subscribe(left, 0, { onEvents: () => undefined, onEnd: resolve, onError: reject }),
      );
    } finally {
      await worker.stop();
    }
  });
});

test("one execution is claimed by its id, and dead workers lose theirs", async () => {
  const task = await insertTask(database.db);
  const accepted = await acceptExecution(database.db, { userId: task.userId }, { taskId: task.taskId });
  assert.ok(accepted.outcome === "accepted");
  await check("one", () => claimOne(db, uuidv7(), accepted.execution.id, []));
  await database.db.pool.query(
    "INSERT INTO workers (id, host_key, pid, pid_started, heartbeat_at) VALUES ($1, 'elsewhere', 1, '1', now() - interval '1 hour')",
    [uuidv7()],
  );
  await check("dead", () => buryDeadWorkers(db, true));
});

test("a round of housekeeping: no table is read as a whole but these two, every ten minutes", async () => {
  const longAgo = "now() - interval '2 years'";
  await database.db.pool.query(
    `UPDATE task_executions SET ended_at = ${longAgo} WHERE id IN (SELECT id FROM task_executions WHERE status = 'completed' LIMIT 300)`,
  );
  await database.db.pool.query("ANALYZE task_executions");
  await check("a round", async () => {
    const report = await maintain(db);
    assert.ok(report && report.compactedExecutions >= 300 && report.deletedRows > 0, JSON.stringify(report));
  }, ["sessions", "sign_in_tries"]);
  // It begins with what is reserved at this moment.
  await check("money of deferred calls", () => sweepDeferredCalls(db), ["budget_reservations"]);
});

test("what is planned here is what it is taken for", () => {
  assert.deepEqual(
    plannedInHotWrites.filter((one) => !explained.names.has(one)),
    [],
  );
});
