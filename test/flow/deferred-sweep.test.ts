import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { sweepDeferredCalls } from "#domain";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { insertUser } from "../support/llm/economy-fixture.ts";

// What is reserved for a deferred call that was cancelled while the process that worked it was dead: settled by a sweep of
// the database's own.

let database: TestDatabase;

before(async () => {
  database = await createTestDatabase();
});
after(() => database.drop());

const query = async <Row extends object>(text: string, values: unknown[]): Promise<Row[]> =>
  (await database.db.pool.query<Row>(text, values)).rows;

const reservedNanoUsd = 1_000;
const mostNanoUsd = 400;

interface Situation {
  state?: "waiting" | "cancelled";
  /** Until when its process is believed to live, from now. */
  heldForSeconds?: number;
  /** Its row in the economy lane; null: its provider has no batches. */
  economy: { state: "live" | "submitted"; isLive: boolean; inBatch: boolean } | null;
}

/** A deferred call with a reservation of 1,000 that its process, which had claimed it, left. */
async function leftCall({ state = "cancelled", heldForSeconds = -1, economy }: Situation) {
  const userId = await insertUser(((text: string, params: unknown[]) => database.db.pool.query(text, params)) as never);
  const [id, holder, accountId, budgetId] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
  await query(
    `INSERT INTO budgets (id, user_id, level, scope_id, period, limit_nano_usd) VALUES ($1, $2, 'instance', $2, 'total', 10000)`,
    [budgetId, userId],
  );
  await query(
    `INSERT INTO deferred_calls (id, user_id, model, cache, request, deadline_at, holder, held_until)
     VALUES ($1, $2, 'as-named', 'auto', '{}', now(), $3, now() + make_interval(secs => $4))`,
    [id, userId, holder, heldForSeconds],
  );
  const [reserved] = await query<{ answer: { outcome: string } }>(
    "SELECT muster_reserve_deferred($1, $2, 0, 10, 100, 1, '{}') AS answer",
    [id, holder],
  );
  assert.equal(reserved?.answer.outcome, "granted");
  await query("UPDATE deferred_calls SET state = $2 WHERE id = $1", [id, state]);
  const batchId = randomUUID();
  if (economy?.inBatch === true) {
    await query(
      `INSERT INTO llm_batches (id, user_id, account_id, provider, model, provider_batch_id, state, calls, attempts, deadline_at)
       VALUES ($1, $2, 'a', 'openai', 'm', 'batch_1', 'running', 1, 1, now())`,
      [batchId, userId],
    );
  }
  if (economy !== null) {
    await query(
      `INSERT INTO llm_economy_calls (key, user_id, call_id, account_id, provider, model, llm_batch_id, state, live_at, request,
         booking, most_nano_usd)
       VALUES ($1, $2, $3, 'a', 'openai', 'm', $4, $5, $6, '{"maxOutputTokens":100}', $7, $8)`,
      [
        randomUUID(),
        userId,
        id,
        economy.inBatch ? batchId : null,
        economy.state,
        economy.isLive ? new Date() : null,
        JSON.stringify({ accountId }),
        mostNanoUsd,
      ],
    );
  }
  return {
    id,
    accountId,
    /** The process was not dead, and tells what the call cost after all. */
    settleLate: (cost: number) => query("SELECT muster_settle_deferred($1, $2, $3, '[]')", [id, holder, cost]),
    budget: async () =>
      (
        await query<{ spent: number; reserved: number }>(
          "SELECT spent_nano_usd::int AS spent, reserved_nano_usd::int AS reserved FROM budgets WHERE id = $1",
          [budgetId],
        )
      )[0],
    usage: () =>
      query<object>(
        `SELECT outcome, provider, model, account_id AS "accountId", lane, estimated, cost_nano_usd::int AS cost FROM llm_usage
         WHERE user_id = $1`,
        [userId],
      ),
  };
}

const sweep = () => sweepDeferredCalls(database.db);
const lost = { outcome: "lost", lane: "economy", estimated: true, cost: reservedNanoUsd };

test("a live request that a dead process left counts as spent with all that was reserved, and is lost on the bill, once", async () => {
  const call = await leftCall({ economy: { state: "live", isLive: true, inBatch: false } });
  assert.deepEqual(await call.budget(), { spent: 0, reserved: reservedNanoUsd });
  await sweep();
  const bill = [{ ...lost, provider: "openai", model: "m", accountId: call.accountId }];
  assert.deepEqual(await call.usage(), bill);
  assert.deepEqual(await call.budget(), { spent: reservedNanoUsd, reserved: 0 });
  await sweep();
  await call.settleLate(300);
  assert.deepEqual(await call.usage(), bill);
  assert.deepEqual(await call.budget(), { spent: reservedNanoUsd, reserved: 0 });
});

test("so does a call at a provider without batches: it was live from the beginning", async () => {
  const call = await leftCall({ economy: null });
  await sweep();
  assert.deepEqual(await call.usage(), [{ ...lost, provider: "unknown", model: "as-named", accountId: null }]);
  assert.deepEqual(await call.budget(), { spent: reservedNanoUsd, reserved: 0 });
});

test("a call that is in its batch is not lost: what the batch may answer is held on, the rest is free", async () => {
  const call = await leftCall({ economy: { state: "submitted", isLive: false, inBatch: true } });
  await sweep();
  assert.deepEqual(await call.usage(), []);
  assert.deepEqual(await call.budget(), { spent: 0, reserved: mostNanoUsd });
});

test("a call that only waited to be asked live costs nothing", async () => {
  const call = await leftCall({ economy: { state: "live", isLive: false, inBatch: false } });
  await sweep();
  assert.deepEqual(await call.usage(), []);
  assert.deepEqual(await call.budget(), { spent: 0, reserved: 0 });
});

for (const [what, situation] of [
  ["whose process may live", { heldForSeconds: 600 }],
  ["that the next process is to take over", { state: "waiting" }],
] as const) {
  test(`a call ${what} is left alone`, async () => {
    const call = await leftCall({ ...situation, economy: { state: "live", isLive: true, inBatch: false } });
    await sweep();
    assert.deepEqual(await call.usage(), []);
    assert.deepEqual(await call.budget(), { spent: 0, reserved: reservedNanoUsd });
  });
}
