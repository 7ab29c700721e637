import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { acceptExecution, readExecution } from "#domain";
import type { Query } from "#llm";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { insertTask } from "../support/executions.ts";
import { until } from "../support/llm/deferred-fixture.ts";
import { economyGateway } from "../support/llm/economy-fixture.ts";
import { testAccount } from "../support/llm/gateway-fixture.ts";
import { startOpenAiServer } from "../support/llm/index.ts";
import { startTestWorker } from "../support/worker.ts";

// The total that events of a running execution show is the stored one, whoever added to it.

let database: TestDatabase;
let query: Query;

before(async () => {
  database = await createTestDatabase();
  query = ((text: string, params: unknown[]) => database.db.pool.query(text, params)) as Query;
});
after(() => database.drop());

test("what is billed beside the journal of a running execution is in the total of its next events", {
  timeout: 120_000,
}, async (t) => {
  const { db, url } = database;
  const task = await insertTask(db, { model: "gpt-4o-mini", members: 3, process: "sequential" });
  const scope = { userId: task.userId };
  const accepted = await acceptExecution(db, scope, { taskId: task.taskId });
  assert.ok(accepted.outcome === "accepted");
  const { id } = accepted.execution;
  let calls = 0;
  const server = await startOpenAiServer({
    // While the second call runs, a batch of an earlier claim is booked as lost.
    script: async () => {
      calls += 1;
      if (calls === 2) await query("SELECT muster_write_usage($1)", [JSON.stringify([lostRow(task, id)])]);
      return { text: `Answer ${calls}` };
    },
  });
  t.after(() => server.close());
  const { gateway } = economyGateway(query, [testAccount("openai", server.url, { id: `account of ${task.userId}` })]);
  const running = await startTestWorker({ db, url, gateway: gateway.handler });
  t.after(async () => {
    await gateway.close();
    await running.stop();
  });
  running.worker.wake();
  await until(
    async () => (await readExecution(db, scope, id))?.status,
    (status) => status === "completed",
  );
  const { rows } = await query<{ cost: number; total: number }>(
    `SELECT (data->>'costNanoUsd')::float8 AS cost, (data->>'totalCostNanoUsd')::float8 AS total
     FROM execution_events WHERE execution_id = $1 AND type = 'usage' ORDER BY seq`,
    [id],
  );
  assert.equal(rows.length, 3);
  const own = rows.reduce((sum, { cost }) => sum + cost, 0);
  const stored = (await readExecution(db, scope, id))?.totals.costNanoUsd;
  assert.equal(stored, own + lostNanoUsd);
  assert.equal(rows[0]?.total, rows[0]?.cost);
  assert.equal(rows.at(-1)?.total, stored);
});

const lostNanoUsd = 777;

/** A row of the bill, as a lost batch writes it. */
function lostRow(task: { userId: string; squadId: string }, executionId: string) {
  return {
    id: randomUUID(),
    userId: task.userId,
    squadId: task.squadId,
    executionId,
    provider: "openai",
    model: "gpt-4o-mini",
    lane: "economy",
    outcome: "lost",
    cacheResult: "bypass",
    inputTokens: 7,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    outputTokens: 0,
    reasoningTokens: 0,
    estimated: true,
    costNanoUsd: lostNanoUsd,
    atMs: Date.now(),
  };
}
