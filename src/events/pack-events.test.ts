import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type ExecutionEvent, executionEventTypes } from "#contracts";
import { uuidv7 } from "#db";
import { createTestDatabase, type TestDatabase } from "../../test/support/database.ts";
import { insertExecution, insertTask } from "../../test/support/executions.ts";
import { EventPacker, readEvents, toExecutionEvent, type UnpackedEvent } from "./index.ts";

type Body<Type> = Type extends unknown ? Omit<Type, "executionId" | "seq" | "at"> : never;

describe("events as they are stored", () => {
  let test: TestDatabase;
  before(async () => {
    test = await createTestDatabase();
  });
  after(() => test.drop());

  const [stepId, messageId, memberId, llmCallId] = [uuidv7(), uuidv7(), uuidv7(), uuidv7()];
  const facts = { stepId, key: "plan", kind: "work" as const, title: 'A "title" 🙂', memberId, dependsOn: ["a", "b"] };
  const usage = {
    llmCallId,
    stepId,
    model: "m",
    inputTokens: 1,
    outputTokens: 2,
    costNanoUsd: null,
    totalCostNanoUsd: 3,
  };

  /** Every type: how it is given to the packer, and what a reader gets. */
  const cases: [Record<string, unknown>, Body<ExecutionEvent>][] = [
    [{ epoch: 1 }, { type: "execution-start", epoch: 1 }],
    [{ stepIds: [stepId] }, { type: "step-planned", steps: [facts] }],
    [
      { stepId, attempt: 1 },
      { type: "step-start", ...facts, attempt: 1 },
    ],
    [
      { ...facts, attempt: 2 },
      { type: "step-start", ...facts, attempt: 2 },
    ],
    [
      { messageId, stepId, memberId: null, model: "m" },
      { type: "message-start", messageId, stepId, memberId: null, model: "m" },
    ],
    [
      { messageId, text: "Shown so far" },
      { type: "message-delta", messageId, text: "Shown so far" },
    ],
    [
      { messageId, from: 6, to: 8 },
      { type: "message-delta", messageId, text: "🙂" },
    ],
    [
      { messageId, inputTokens: null, outputTokens: 7 },
      { type: "message-end", messageId, inputTokens: null, outputTokens: 7 },
    ],
    [
      { messageId, reason: "r" },
      { type: "message-reset", messageId, reason: "r" },
    ],
    [usage, { type: "usage", ...usage }],
    [
      { llmCallId, untilMs: 5 },
      { type: "rate-wait", llmCallId, untilMs: 5 },
    ],
    [
      { toolCallId: llmCallId, stepId, memberId, tool: "t", arguments: { a: [1] } },
      { type: "tool-start", toolCallId: llmCallId, stepId, memberId, tool: "t", arguments: { a: [1] } },
    ],
    [
      { toolCallId: llmCallId, state: "done", summary: "s" },
      { type: "tool-end", toolCallId: llmCallId, state: "done", summary: "s" },
    ],
    [
      { stepId, reason: "r" },
      { type: "approval-request", stepId, reason: "r" },
    ],
    [
      { stepId, approved: true },
      { type: "approval-end", stepId, approved: true },
    ],
    [
      { level: "squad", spentNanoUsd: 8, limitNanoUsd: 9 },
      { type: "budget-warning", level: "squad", spentNanoUsd: 8, limitNanoUsd: 9 },
    ],
    [{ reason: "a\u0000b" }, { type: "execution-pause", reason: "a\ufffdb" }],
    [{ by: "user" }, { type: "execution-resume", by: "user" }],
    [
      { stepId, status: "completed" },
      { type: "step-end", stepId, key: "plan", status: "completed" },
    ],
    [
      { stepId, key: "plan", status: "failed", error: "e" },
      { type: "step-end", stepId, key: "plan", status: "failed", error: "e" },
    ],
    [
      { status: "completed", endReason: "done" },
      { type: "execution-end", status: "completed", endReason: "done" },
    ],
  ];
  const given: UnpackedEvent[] = cases.map(([data, { type }]) => ({ type, data }));

  async function stored(events: UnpackedEvent[], perBatch: number): Promise<string> {
    const { db } = test;
    const id = await insertExecution(db, await insertTask(db));
    await db.query(
      "t_step",
      `INSERT INTO execution_steps (id, execution_id, key, kind, ordinal, title, member_id, depends_on) VALUES ($1, $2, $3, $4, 0, $5, $6, $7)
       ON CONFLICT (id) DO NOTHING`,
      [stepId, id, facts.key, facts.kind, facts.title, memberId, facts.dependsOn],
    );
    await db.query(
      "t_message",
      `INSERT INTO agent_messages (id, task_execution_id, role, status, content) VALUES ($1, $2, 'assistant', 'completed', 'Smile 🙂!')
       ON CONFLICT (id) DO NOTHING`,
      [messageId, id],
    );
    for (let first = 0; first < events.length; first += perBatch) {
      const packer = new EventPacker();
      const { count, body } = packer.pack(events.slice(first, first + perBatch));
      await db.query(
        "t_batch",
        "INSERT INTO execution_event_batches (execution_id, last_seq, at, events, ids, body) VALUES ($1, $2, now(), $3, $4, $5)",
        [id, first + count, count, packer.ids, `[${body}]`],
      );
    }
    return id;
  }

  it("every type is known to this test", () => {
    assert.deepEqual([...new Set(given.map((event) => event.type))].sort(), [...executionEventTypes].sort());
  });

  it("are read as they were shown", async () => {
    const id = await stored(given, given.length);
    const events = await readEvents(test.db, id, 0, 100);
    const expected = cases.map(([, body], index) => ({ ...body, executionId: id, seq: index + 1 }));
    const read = events.map((event) => {
      const { at: _at, ...rest } = toExecutionEvent(event);
      return rest;
    });
    assert.deepEqual(read, expected);
  });

  it("are read from any number on, so many as are asked for, however they were batched", async () => {
    for (const perBatch of [1, 4, given.length]) {
      const id = await stored(given, perBatch);
      for (const after of [0, 1, 3, 7, given.length - 1, given.length]) {
        for (const limit of [1, 4, 5, 100]) {
          const seqs = (await readEvents(test.db, id, after, limit)).map((event) => event.seq);
          const count = Math.min(limit, given.length - after);
          assert.deepEqual(
            seqs,
            Array.from({ length: count }, (_, index) => after + 1 + index),
          );
        }
      }
    }
  });

  it("take one event at a time from a process of the version before", async () => {
    const { db } = test;
    const id = await insertExecution(db, await insertTask(db));
    const row = [id, 1, "execution-start", { epoch: 0 }];
    await db.query(
      "t_old",
      "INSERT INTO execution_events (execution_id, seq, at, type, data) VALUES ($1, $2, now(), $3, $4::jsonb)",
      row,
    );
    const [event] = await readEvents(db, id, 0, 10);
    assert.deepEqual([event?.seq, event?.type, event?.data], [1, "execution-start", { epoch: 0 }]);
  });
});
