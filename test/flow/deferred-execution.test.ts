import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { acceptExecution, readExecution } from "#domain";
import type { Query } from "#llm";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { insertTask } from "../support/executions.ts";
import { economyGateway } from "../support/llm/economy-fixture.ts";
import { testAccount } from "../support/llm/gateway-fixture.ts";
import { startOpenAiServer, type WireServer } from "../support/llm/index.ts";
import { startTestWorker } from "../support/worker.ts";

// A deferred execution whose worker dies while its call is in the provider's batch.

let database: TestDatabase;
let server: WireServer;

before(async () => {
  database = await createTestDatabase();
  server = await startOpenAiServer();
});
after(async () => {
  await server.close();
  await database.drop();
});

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const endsAt = Date.now() + 40_000;
  while (!(await isSo())) {
    assert.ok(Date.now() < endsAt, `not within 40 s: ${what}`);
    await delay(20);
  }
}

test("the next worker joins the batch: one call at the provider, one line on the bill at half the price, nothing lost", {
  timeout: 90_000,
}, async () => {
  const { db, url } = database;
  const query = ((text: string, params: unknown[]) => db.pool.query(text, params)) as Query;
  const accounts = [testAccount("openai", server.url)];
  const task = await insertTask(db, { model: "gpt-4o-mini", members: 1, process: "sequential" });
  const accepted = await acceptExecution(db, { userId: task.userId }, { taskId: task.taskId, lane: "economy" });
  assert.ok(accepted.outcome === "accepted");
  const { id } = accepted.execution;

  // It hands the call over and never asks after it.
  const first = economyGateway(query, accounts, { size: 1, pollMs: 600_000 });
  const dying = await startTestWorker({ db, url, gateway: first.gateway.handler });
  dying.worker.wake();
  await until("the call is in a batch", async () => {
    const { rowCount } = await db.pool.query("SELECT 1 FROM llm_batches WHERE state = 'running'");
    return rowCount === 1;
  });
  dying.worker.abandon();
  await first.gateway.close();
  await dying.stop();

  const second = economyGateway(query, accounts);
  const next = await startTestWorker({ db, url, gateway: second.gateway.handler });
  next.worker.wake();
  await until("the execution has ended", async () => {
    const execution = await readExecution(db, { userId: task.userId }, id);
    return execution?.status === "completed" || execution?.status === "failed";
  });
  const execution = await readExecution(db, { userId: task.userId }, id);
  assert.equal(execution?.status, "completed", execution?.error ?? "");
  assert.equal(server.requests.filter(({ path }) => path === "/v1/batches").length, server.ledger.length);
  const { rows } = await db.pool.query(
    "SELECT lane, outcome, cost_nano_usd AS cost, input_tokens AS input FROM llm_usage WHERE execution_id = $1",
    [id],
  );
  assert.deepEqual(
    rows.map(({ lane, outcome }) => [lane, outcome]),
    server.ledger.map(() => ["economy", "done"]),
  );
  const [bill] = server.ledger;
  assert.equal(rows[0]?.input, bill?.inputTokens);
  // gpt-4o-mini: 150 and 600 nano-USD a token.
  assert.equal(
    execution?.totals.costNanoUsd,
    Math.round(((bill?.inputTokens ?? 0) * 150 + (bill?.outputTokens ?? 0) * 600) / 2),
  );
  await next.stop();
  await second.gateway.close();
});
