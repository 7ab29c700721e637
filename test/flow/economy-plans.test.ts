import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { seed } from "#db";
import type { Query } from "#llm";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { takeEconomyTurn } from "../support/economy-calls.ts";
import { type ExplainedDatabase, explainedRows, flatten, openExplained } from "../support/explained-database.ts";

// Every process asks for the economy lane's turn every few seconds, and whoever has it tidies up: that must not cost more the
// more deferred calls there were. The rest of the lane: hot-statements.test.ts.

let database: TestDatabase;
let explained: ExplainedDatabase;
let userId: string;
const query: Query = (text, values) => explained.db.query(`q_${text.length}_${values.length}`, text, values) as never;

before(async () => {
  database = await createTestDatabase({ poolMax: 4 });
  const owner = { email: "turn@example.org", name: "Turn", passwordHash: "!" };
  ({ userId } = await seed(database.db, { owner, messages: 5_000 }));
  for (const statement of explainedRows) await database.db.pool.query(statement);
  await database.db.pool.query("ANALYZE");
  explained = await openExplained(database.url);
});
after(async () => {
  await explained?.db.close();
  await database?.drop();
});

test("the economy lane's turn and its housekeeping: the calls are not read as a whole, with work and without", async () => {
  const { pool } = database.db;
  // A month of deferred calls, and executions that ended a moment ago beside the many that did long since.
  await pool.query(
    `INSERT INTO llm_economy_calls (key, user_id, account_id, model, call_id, state, deadline_at, created_at)
     SELECT 'month/' || n, $1, 'a', 'm', gen_random_uuid(), 'failed', now(), now() - make_interval(mins => n)
     FROM generate_series(1, 20000) n`,
    [userId],
  );
  const { rows: ended } = await pool.query<{ id: string }>(
    "SELECT id FROM task_executions WHERE status = 'completed' LIMIT 1",
  );
  await pool.query(
    `INSERT INTO llm_economy_calls (key, user_id, account_id, model, execution_id, state, deadline_at, created_at) VALUES
       ('of an ended execution', $1, 'a', 'm', $2, 'done', now(), now()),
       ('waits for an ended execution', $1, 'a', 'm', $2, 'waiting', now(), now()),
       ('old', $1, 'a', 'm', NULL, 'failed', now(), now() - interval '31 days')`,
    [userId, ended[0]?.id],
  );
  await pool.query("ANALYZE llm_economy_calls");
  const left = async () => {
    const { rows } = await pool.query<{ key: string }>(
      "SELECT key FROM llm_economy_calls WHERE key ~ '^(of|waits|old)'",
    );
    return rows.length;
  };
  assert.equal(await left(), 3);
  const look = async (what: string) => {
    explained.take();
    const taken = await takeEconomyTurn(query);
    const told = explained.take();
    assert.ok(told.length >= 6, `${told.length} plans were told ${what}`);
    for (const { "Query Text": text, Plan } of told) {
      // With work, the turn ends at the first call that waits.
      if (what === "with work" && text.startsWith("UPDATE installation")) continue;
      const whole = flatten(Plan).find(
        (node) => node["Node Type"] === "Seq Scan" && node["Relation Name"] === "llm_economy_calls",
      );
      assert.ok(whole === undefined, `${what}, all calls are read: ${text}`);
    }
    return taken;
  };
  assert.equal(await look("with work"), true);
  assert.equal(await left(), 0, "what nobody waits for is forgotten");
  await pool.query("UPDATE llm_economy_calls SET state = 'cancelled' WHERE state IN ('waiting', 'submitted')");
  await pool.query("UPDATE llm_batches SET state = 'ended' WHERE state IN ('submitting', 'running', 'cancelling')");
  await pool.query("ANALYZE llm_economy_calls, llm_batches");
  assert.equal(await look("without work"), false);
});
