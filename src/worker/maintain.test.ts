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
});
