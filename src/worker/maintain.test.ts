import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { uuidv7 } from "#db";
import { readEvents } from "#events";
import { createTestDatabase, type TestDatabase } from "../../test/support/database.ts";
import { insertExecution, insertTask } from "../../test/support/executions.ts";
import { compactJournals, maintain } from "./maintain.ts";

describe("housekeeping", () => {
  let test: TestDatabase;
  before(async () => {
    test = await createTestDatabase();
  });
  after(() => test.drop());

  it("compacts the journal of an old execution without changing what its stream says", async () => {
    const { db } = test;
    const task = await insertTask(db);
    const id = await insertExecution(db, task);
    const messageId = uuidv7();
    const parts = ["First 🙂 part, ", "second part, ", "and the end."];
    await db.query(
      "t_message",
      `INSERT INTO agent_messages (id, task_execution_id, role, status, content) VALUES ($1, $2, 'assistant', 'completed', $3)`,
      [messageId, id, parts.join("")],
    );
    const events = [
      { type: "message-start", data: { messageId } },
      { type: "message-delta", data: { messageId, text: "void" } },
      { type: "message-reset", data: { messageId, reason: "repeated" } },
      ...parts.map((text) => ({ type: "message-delta", data: { messageId, text } })),
    ];
    await db.query("t_append", "SELECT muster_append($1, $2::jsonb)", [id, JSON.stringify(events)]);
    await db.query(
      "t_end",
      "UPDATE task_executions SET status = 'completed', ended_at = now() - interval '40 days' WHERE id = $1",
      [id],
    );
    const before = await readEvents(db, id, 0, 100);
    assert.equal(await compactJournals(db, 30), 1);
    assert.equal(await compactJournals(db, 30), 0);
    const after = await readEvents(db, id, 0, 100);
    assert.deepEqual(
      after.filter((event) => event.seq !== 2),
      before.filter((event) => event.seq !== 2),
    );
    const { rows } = await db.query<{ whole: number }>(
      "t_whole",
      `SELECT count(*)::int AS whole FROM execution_events WHERE execution_id = $1 AND data->>'text' IS NOT NULL`,
      [id],
    );
    assert.equal(rows[0]?.whole, 1, "only the voided delta, which stands nowhere else, keeps its text");
  });

  it("is done by one process for all, and forgets deferred calls that ended a month ago", async () => {
    const { db } = test;
    const calls = { old: uuidv7(), fresh: uuidv7(), waiting: uuidv7() };
    const ages = [
      [calls.old, "completed", 31],
      [calls.fresh, "failed", 29],
      [calls.waiting, "waiting", null],
    ];
    for (const [id, state, days] of ages) {
      await db.query(
        "t_deferred",
        `INSERT INTO deferred_calls (id, user_id, model, cache, request, state, deadline_at, ended_at)
         SELECT $1, id, 'm', 'off', '{}', $2, now(), now() - make_interval(days => $3) FROM users LIMIT 1`,
        [id, state, days],
      );
    }
    const turns = await Promise.all([maintain(db), maintain(db), maintain(db)]);
    assert.equal(turns.filter((turn) => turn !== null).length, 1);
    const { rows } = await db.query<{ id: string }>("t_left", "SELECT id FROM deferred_calls ORDER BY id");
    assert.deepEqual(
      rows.map(({ id }) => id),
      [calls.fresh, calls.waiting],
    );
  });

  it("clears in one round what piled up, and within its time", async () => {
    const { db } = test;
    const { userId, taskId, squadId } = await insertTask(db);
    const task = await insertExecution(db, { userId, taskId, squadId, projectId: "", memberIds: [] });
    const fill = async () => {
      await db.pool.query("UPDATE installation SET maintained_at = NULL");
      await db.pool.query(
        `INSERT INTO web_vitals (user_id, name, value, page, rating, at) SELECT $1, 'LCP', 1, '/', 'good', now() - interval '31 days'
         FROM generate_series(1, 1500)`,
        [userId],
      );
      await db.pool.query(
        `INSERT INTO sessions (id, user_id, token_hash, expires_at)
         SELECT gen_random_uuid(), $1, decode(md5(random()::text), 'hex'), now() - interval '1 minute' FROM generate_series(1, 1500)`,
        [userId],
      );
      await db.pool.query(
        `INSERT INTO idempotency_keys (user_id, key, request_hash, created_at)
         SELECT $1, random()::text, '\\x00', now() - interval '2 days' FROM generate_series(1, 1500)`,
        [userId],
      );
      await db.pool.query(
        `INSERT INTO task_executions (id, user_id, task_id, status, end_reason, squad_snapshot_id, task, ended_at)
         SELECT gen_random_uuid(), user_id, task_id, 'completed', 'done', squad_snapshot_id, task, now() - interval '40 days'
         FROM task_executions, generate_series(1, 250) WHERE id = $1`,
        [task],
      );
    };
    const left = async () => {
      const { rows } = await db.pool.query<{ left: number[] }>(
        `SELECT ARRAY[(SELECT count(*) FROM web_vitals)::int, (SELECT count(*) FROM sessions)::int,
           (SELECT count(*) FROM idempotency_keys)::int,
           (SELECT count(*) FROM task_executions WHERE ended_at IS NOT NULL AND compacted_at IS NULL)::int] AS left`,
      );
      return rows[0]?.left;
    };
    await fill();
    assert.deepEqual(await maintain(db, { roundMs: 0 }), { deletedRows: 2_000, compactedExecutions: 200 });
    assert.deepEqual(await left(), [500, 500, 500, 50], "no time: one slice of each");
    await db.pool.query("UPDATE installation SET maintained_at = NULL");
    assert.deepEqual(await maintain(db, { signal: AbortSignal.abort() }), {
      deletedRows: 1_000,
      compactedExecutions: 50,
    });
    await fill();
    assert.deepEqual(await maintain(db), { deletedRows: 3_000, compactedExecutions: 250 });
    assert.deepEqual(await left(), [0, 0, 0, 0]);
  });
});
