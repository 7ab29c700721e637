import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { createUser } from "../support/api-client.ts";
import { until } from "../support/llm/deferred-fixture.ts";

// What a batch may still cost for a call that left it, against each level of budget, in the functions of the database that hold it.

let api: TestApi;

before(async () => {
  api = await startTestApi();
});
after(() => api.close());

type Level = "execution" | "squad" | "instance";
const mostNanoUsd = 400;

/** A call of an execution in a batch that runs, with a reservation of 1,000 against one budget. */
async function callInBatch(level: Level, limitNanoUsd: number) {
  const query = async <Row extends object>(text: string, values: unknown[]): Promise<Row[]> =>
    (await api.database.db.pool.query<Row>(text, values)).rows;
  const user = await createUser(api.app, api.database.db);
  const { squad } = (await user.call("POST", "/api/v1/squads", { template: "pair" })).body;
  const { task } = (await user.call("POST", "/api/v1/tasks", { title: "T", squadId: squad.id })).body;
  const { execution } = (await user.call("POST", `/api/v1/tasks/${task.id}/executions`)).body;
  const scopeId = { execution: execution.id, squad: squad.id, instance: user.id }[level];
  const budgetId = randomUUID();
  await query(
    `INSERT INTO budgets (id, user_id, level, scope_id, period, limit_nano_usd)
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (level, scope_id) DO UPDATE SET id = $1, limit_nano_usd = $6`,
    [budgetId, user.id, level, scopeId, level === "squad" ? "month" : "total", limitNanoUsd],
  );
  const callId = randomUUID();
  const [reserved] = await query<{ answer: { outcome: string } }>(
    "SELECT muster_reserve($1, $2, $3, $4, 0, 10, 100, 1) AS answer",
    [callId, user.id, squad.id, execution.id],
  );
  assert.equal(reserved?.answer.outcome, "granted");
  const batchId = randomUUID();
  await query(
    `INSERT INTO llm_batches (id, user_id, account_id, provider, model, provider_batch_id, state, calls, attempts, deadline_at)
     VALUES ($1, $2, 'a', 'openai', 'm', 'batch_1', 'running', 1, 1, now())`,
    [batchId, user.id],
  );
  const key = randomUUID();
  await query(
    `INSERT INTO llm_economy_calls (key, user_id, execution_id, call_id, account_id, provider, model, llm_batch_id, state, request, booking, most_nano_usd)
     VALUES ($1, $2, $3, $4, 'a', 'openai', 'm', $5, 'submitted', '{"maxOutputTokens":100}', $6, $7)`,
    [key, user.id, execution.id, callId, batchId, JSON.stringify({ squadId: squad.id }), mostNanoUsd],
  );
  /** A row of the execution's bill, as the gateway writes them. */
  const row = (costNanoUsd: number | null, id: string = randomUUID()) => ({
    id,
    userId: user.id,
    squadId: squad.id,
    executionId: execution.id,
    provider: "openai",
    model: "m",
    lane: "economy",
    outcome: "lost",
    cacheResult: "bypass",
    inputTokens: 7,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    outputTokens: 3,
    reasoningTokens: 0,
    estimated: true,
    costNanoUsd,
    atMs: Date.now(),
  });
  return {
    key,
    row,
    executionId: execution.id as string,
    budgetId,
    /** `live`, or the state in which it stays. */
    goLive: async () => (await query<{ state: string }>("SELECT muster_economy_live($1) AS state", [key]))[0]?.state,
    answer: () => query("UPDATE llm_economy_calls SET state = 'done', result = '{}' WHERE key = $1", [key]),
    dropAnswer: (cost: number, rows: unknown[] = []) =>
      query("SELECT muster_drop_answer($1, $2, $3)", [key, cost, JSON.stringify(rows)]),
    book: (rows: unknown[]) => query("SELECT muster_write_usage($1)", [JSON.stringify(rows)]),
    /** As the next worker does after it has settled the call of the one before with nothing. */
    reserveAgain: async () => {
      const [row] = await query<{ answer: { outcome: string; maxOutputTokens: number } }>(
        "SELECT muster_reserve_again($1, $2, $3, $4, $5, 0, 10, 200, 1) AS answer",
        [randomUUID(), [callId], user.id, squad.id, execution.id],
      );
      return row?.answer;
    },
    setLimit: (limit: number) => query("UPDATE budgets SET limit_nano_usd = $2 WHERE id = $1", [budgetId, limit]),
    cancel: () => query("UPDATE llm_economy_calls SET state = 'cancelled' WHERE key = $1", [key]),
    settle: (cost: number) => query("SELECT muster_settle($1, $2)", [callId, cost]),
    endBatch: (costs: Record<string, number>) =>
      query("SELECT muster_end_holds($1, $2::jsonb)", [batchId, JSON.stringify(costs)]),
    loseBatch: (rows: unknown[] = []) =>
      query("SELECT muster_lose_batch($1, 'gone', $2)", [batchId, JSON.stringify(rows)]),
    /** What the execution is shown to have cost, and the sum of its bill. */
    totals: async () =>
      (
        await query<{ shown: number[]; billed: number[]; incomplete: boolean }>(
          `SELECT ARRAY[input_tokens, output_tokens, cost_nano_usd]::int[] AS shown, cost_incomplete AS incomplete,
             (SELECT ARRAY[sum(input_tokens), sum(output_tokens), sum(cost_nano_usd)]::int[]
              FROM llm_usage WHERE execution_id = t.id) AS billed
           FROM task_executions t WHERE id = $1`,
          [execution.id],
        )
      )[0],
    budget: async () =>
      (
        await query<{ spent: number; reserved: number }>(
          "SELECT spent_nano_usd::int AS spent, reserved_nano_usd::int AS reserved FROM budgets WHERE id = $1",
          [budgetId],
        )
      )[0],
  };
}

for (const level of ["execution", "squad", "instance"] as const) {
  test(`${level}: beside the live call its batch's answer is held, and counts when the batch has ended`, async () => {
    const call = await callInBatch(level, 1_400);
    assert.deepEqual(await call.budget(), { spent: 0, reserved: 1_000 });
    assert.equal(await call.goLive(), "live");
    assert.deepEqual(await call.budget(), { spent: 0, reserved: 1_400 });
    await call.settle(700);
    assert.deepEqual(await call.budget(), { spent: 700, reserved: 400 });
    await call.endBatch({ [call.key]: 300 });
    assert.deepEqual(await call.budget(), { spent: 1_000, reserved: 0 });
  });

  test(`${level}: without room for both the call stays in its batch`, async () => {
    const call = await callInBatch(level, 1_399);
    assert.equal(await call.goLive(), "submitted");
    assert.deepEqual(await call.budget(), { spent: 0, reserved: 1_000 });
  });

  test(`${level}: cancelled, what the batch may still answer is kept out of the reservation`, async () => {
    const call = await callInBatch(level, 1_000);
    await call.cancel();
    await call.settle(0);
    assert.deepEqual(await call.budget(), { spent: 0, reserved: 400 });
    await call.endBatch({});
    assert.deepEqual(await call.budget(), { spent: 0, reserved: 0 });
  });

  test(`${level}: a batch that can be followed no more counts as wholly spent, whether its call waited or had left`, async () => {
    for (const leave of [false, true]) {
      const call = await callInBatch(level, 1_400);
      if (leave) assert.equal(await call.goLive(), "live");
      await call.loseBatch();
      assert.deepEqual(await call.budget(), { spent: 400, reserved: leave ? 1_000 : 600 });
      await call.settle(0);
      assert.deepEqual(await call.budget(), { spent: 400, reserved: 0 });
    }
  });

  test(`${level}: a call whose worker died has the room that it had, whether its batch runs or has answered`, async () => {
    for (const answered of [false, true]) {
      // Room for the call alone, not for its hold beside it.
      const call = await callInBatch(level, 1_000);
      if (answered) await call.answer();
      await call.settle(0);
      assert.deepEqual(await call.budget(), { spent: 0, reserved: 400 });
      assert.equal((await call.reserveAgain())?.maxOutputTokens, 100);
      assert.deepEqual(await call.budget(), { spent: 0, reserved: 1_000 });
    }
  });

  test(`${level}: where that room is gone, what the batch may answer is held on`, async () => {
    const call = await callInBatch(level, 1_000);
    await call.settle(0);
    await call.setLimit(900);
    assert.equal((await call.reserveAgain())?.outcome, "budget_exceeded");
    assert.deepEqual(await call.budget(), { spent: 0, reserved: 400 });
  });

  test(`${level}: an answer that nobody took is held beyond its batch's end, and counts when nobody wants it`, async () => {
    const call = await callInBatch(level, 1_000);
    await call.settle(0);
    await call.answer();
    await call.endBatch({});
    assert.deepEqual(await call.budget(), { spent: 0, reserved: 400 });
    await call.dropAnswer(300);
    assert.deepEqual(await call.budget(), { spent: 300, reserved: 0 });
  });
}

test("what an execution is shown to have cost is the sum of its bill, however its rows came there", async () => {
  const call = await callInBatch("execution", 1_400);
  const rows = [call.row(100), call.row(null)];
  await call.book(rows);
  // Read and booked once more: it counts once.
  await call.book(rows);
  assert.deepEqual(await call.totals(), { shown: [14, 6, 100], billed: [14, 6, 100], incomplete: true });
  await call.loseBatch([call.row(mostNanoUsd)]);
  await call.loseBatch([call.row(mostNanoUsd)]);
  assert.deepEqual(await call.totals(), { shown: [21, 9, 500], billed: [21, 9, 500], incomplete: true });

  const other = await callInBatch("execution", 1_000);
  await other.settle(0);
  await other.answer();
  await other.dropAnswer(300, [other.row(300)]);
  assert.deepEqual(await other.totals(), { shown: [7, 3, 300], billed: [7, 3, 300], incomplete: false });
});

for (const way of ["loseBatch", "dropAnswer"] as const) {
  test(`${way} waits for the execution before it locks a budget, as a worker's commit does`, async (t) => {
    const call = await callInBatch("execution", 1_000);
    if (way === "dropAnswer") {
      await call.settle(0);
      await call.answer();
    }
    const commit = await api.database.db.pool.connect();
    t.after(() => commit.release());
    await commit.query("BEGIN");
    await commit.query("SELECT FROM task_executions WHERE id = $1 FOR NO KEY UPDATE", [call.executionId]);
    const done = way === "loseBatch" ? call.loseBatch([call.row(400)]) : call.dropAnswer(400, [call.row(400)]);
    await until(
      () =>
        api.database.db.pool.query(
          `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'SELECT muster_%'`,
        ),
      ({ rowCount }) => rowCount === 1,
    );
    await commit.query("SELECT FROM budgets WHERE id = $1 FOR UPDATE NOWAIT", [call.budgetId]);
    await commit.query("COMMIT");
    await done;
    assert.equal((await call.budget())?.spent, 400);
  });
}
