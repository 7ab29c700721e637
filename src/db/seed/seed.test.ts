import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createTestDatabase, type TestDatabase } from "../../../test/support/database.ts";
import { seed, seedId } from "../index.ts";

let database: TestDatabase;
before(async () => {
  database = await createTestDatabase({ poolMax: 4 });
});
after(() => database.drop());

const owner = { email: "demo@example.org", name: "Demo", passwordHash: "!" };
const until = new Date("2026-11-01T00:00:00Z");

async function number(text: string): Promise<number> {
  const { rows } = await database.db.pool.query<{ n: number }>(`SELECT (${text})::bigint AS n`);
  return rows[0]?.n ?? Number.NaN;
}

/** Checksum of a table, whatever the order of its rows. */
async function checksum(table: string): Promise<string> {
  const { rows } = await database.db.pool.query(
    `SELECT md5(string_agg(md5(t::text), '' ORDER BY t::text)) AS sum FROM ${table} t`,
  );
  return rows[0]?.sum;
}

test("the demo is there once, however often it is asked for", async () => {
  const first = await seed(database.db, { owner, until });
  assert.ok(Object.values(first.added).every((rows) => rows >= 0));
  assert.equal(first.added.agent_messages, 90);
  const tables = ["squads", "tasks", "task_executions", "execution_events", "agent_messages", "llm_usage"];
  const before = await Promise.all(tables.map(checksum));
  const second = await seed(database.db, { owner, until });
  assert.deepEqual(new Set(Object.values(second.added)), new Set([0]));
  assert.equal(second.userId, first.userId);
  assert.deepEqual(await Promise.all(tables.map(checksum)), before);
  assert.equal(seedId(first.name, "user", 0), first.userId);
  assert.equal(await number(`SELECT count(*) FROM squads WHERE id = '${seedId(first.name, "squad", 2)}'`), 1);
});

test("another account gets a demo of its own", async () => {
  const { rows } = await database.db.pool.query<{ id: string }>(
    "INSERT INTO users (id, email, name, password_hash) VALUES (gen_random_uuid(), 'b@example.org', 'B', '!') RETURNING id",
  );
  const userId = rows[0]?.id ?? "";
  const result = await seed(database.db, { owner: { userId }, until });
  assert.equal(result.userId, userId);
  assert.equal(await number(`SELECT count(*) FROM squads WHERE user_id = '${userId}'`), 3);
});

test("the load has the numbers of the targets, and its history is whole", async () => {
  const { name } = await seed(database.db, { owner, until, messages: 20_000 });
  assert.equal(name, "load-20000");
  const ours = "(SELECT id FROM squads WHERE slug LIKE 'load-%')";
  assert.equal(await number("SELECT count(*) FROM users WHERE email LIKE '%@load-20000.invalid'"), 999);
  assert.equal(await number(`SELECT count(*) FROM squads WHERE id IN ${ours}`), 5_000);
  assert.equal(await number(`SELECT count(*) FROM squad_members WHERE squad_id IN ${ours}`), 25_000);
  assert.equal(await number(`SELECT count(*) FROM tasks WHERE squad_id IN ${ours}`), 20_000);
  const executions = `(SELECT id FROM task_executions WHERE squad_id IN ${ours})`;
  assert.equal(await number(`SELECT count(*) FROM agent_messages WHERE task_execution_id IN ${executions}`), 20_000);
  assert.equal(
    await number(`SELECT max(n) FROM (SELECT count(*) AS n FROM agent_messages GROUP BY task_execution_id) c`),
    2_000,
  );
  assert.equal(await number("SELECT max(n) FROM (SELECT count(*) AS n FROM squads GROUP BY user_id) c"), 26);
  assert.equal(await number("SELECT count(*) FROM task_executions WHERE status IN ('queued', 'running')"), 0);
  // Events without a gap, totals that are the sum of what is counted, results and outputs that exist.
  assert.equal(
    await number(
      "SELECT count(*) FROM task_executions x WHERE last_seq <> (SELECT count(*) FROM execution_events e WHERE e.execution_id = x.id AND e.seq BETWEEN 1 AND x.last_seq)",
    ),
    0,
  );
  assert.equal(
    await number(
      "SELECT count(*) FROM task_executions x WHERE cost_nano_usd <> (SELECT sum(cost_nano_usd) FROM llm_usage u WHERE u.execution_id = x.id)",
    ),
    0,
  );
  assert.equal(
    await number(
      "SELECT count(*) FROM execution_steps s LEFT JOIN agent_messages m ON m.id = s.output_message_id WHERE s.output_message_id IS NOT NULL AND m.id IS NULL",
    ),
    0,
  );
  assert.equal(
    await number(
      "SELECT count(*) FROM task_executions x LEFT JOIN agent_messages m ON m.id = x.result_message_id WHERE x.status = 'completed' AND m.id IS NULL",
    ),
    0,
  );
});
