import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { uuidv7 } from "#db";
import { createTestDatabase, type TestDatabase } from "../../../test/support/database.ts";
import { insertBilledCalls, insertExecution, insertTask } from "../../../test/support/executions.ts";
import { listMessages } from "./executions.queries.ts";
import { readExecution } from "./read-execution.ts";

let database: TestDatabase;
before(async () => {
  database = await createTestDatabase();
});
after(() => database.drop());

test("a step's calls and cost are of all its calls, however many, and say where a price is unknown", async () => {
  const { db } = database;
  const task = await insertTask(db);
  const executionId = await insertExecution(db, task);
  const steps = ["plan", "work", "idle"].map((key, ordinal) => ({ id: uuidv7(), key, ordinal }));
  for (const { id, key, ordinal } of steps)
    await db.query(
      "t_step",
      `INSERT INTO execution_steps (id, execution_id, key, kind, ordinal, title) VALUES ($1, $2, $3, 'work', $4, $3)`,
      [id, executionId, key, ordinal],
    );
  const [plan = "", work = ""] = steps.map((step) => step.id);
  await insertBilledCalls(db, { executionId, stepId: plan }, 450, 1_000_000);
  await insertBilledCalls(db, { executionId, stepId: work }, 2, 300);
  await insertBilledCalls(db, { executionId, stepId: work }, 1, null);
  // A call under way has no bill yet, and one of two attempts has two.
  await db.query(
    "t_call",
    `INSERT INTO llm_calls (id, execution_id, step_id, key, epoch, state, message_id, provider, model)
     VALUES ($1, $2, $3, 'open', 1, 'started', $4, 'openai', 'gpt-4o-mini')`,
    [uuidv7(), executionId, plan, uuidv7()],
  );
  await db.query(
    "t_second_bill",
    `INSERT INTO llm_usage (id, user_id, execution_id, llm_call_id, provider, model, lane, outcome, cache_result, input_tokens, output_tokens, cost_nano_usd)
     SELECT gen_random_uuid(), $1, $2, c.id, 'openai', 'gpt-4o-mini', 'background', 'failed', 'miss', 1, 1, 7
     FROM llm_calls c WHERE c.step_id = $3 AND c.state = 'done' LIMIT 1`,
    [task.userId, executionId, plan],
  );
  const execution = await readExecution(db, task, executionId);
  assert.deepEqual(
    execution?.steps.map(({ key, llmCalls, costNanoUsd, costIncomplete }) => [
      key,
      llmCalls,
      costNanoUsd,
      costIncomplete,
    ]),
    [
      ["plan", 450, 450_000_007, false],
      ["work", 3, 600, true],
      ["idle", 0, 0, false],
    ],
  );
});

test("a page of messages can begin with one by its id, in both directions; a stranger's id begins with the next", async () => {
  const { db } = database;
  const task = await insertTask(db);
  const executionId = await insertExecution(db, task);
  const ids = Array.from({ length: 5 }, () => uuidv7());
  for (const id of ids)
    await db.query(
      "t_message",
      "INSERT INTO agent_messages (id, task_execution_id, role, status, content) VALUES ($1, $2, 'assistant', 'completed', 'x')",
      [id, executionId],
    );
  const from = async (id: string, order: "asc" | "desc") =>
    (await listMessages(db, task, executionId, { from: id, order, limit: 2 }))?.data.map((message) => message.id);
  assert.deepEqual(await from(ids[2] ?? "", "desc"), [ids[2], ids[1]]);
  assert.deepEqual(await from(ids[2]?.toUpperCase() ?? "", "asc"), [ids[2], ids[3]]);
  assert.deepEqual(await from(uuidv7(), "desc"), [ids[4], ids[3]]);
  assert.deepEqual(await from(uuidv7(), "asc"), []);
  const others = await listMessages(db, { userId: uuidv7() }, executionId, {});
  assert.equal(others, null, "messages of another's execution");
  await assert.rejects(listMessages(db, task, executionId, { from: ids[0] ?? "", cursor: "x" }), {
    code: "validation_failed",
  });
});

test("messages can be those of a step, those with some words, or both, page by page; words are taken as they are", async () => {
  const { db } = database;
  const task = await insertTask(db);
  const executionId = await insertExecution(db, task);
  const [first = "", second = ""] = [uuidv7(), uuidv7()];
  for (const [ordinal, id] of [first, second].entries())
    await db.query(
      "t_step",
      `INSERT INTO execution_steps (id, execution_id, key, kind, ordinal, title) VALUES ($1, $2, $3, 'work', $4, $3)`,
      [id, executionId, `step-${ordinal}`, ordinal],
    );
  const said = ["A Lighthouse", "nothing", "the lighthouse again", "100 % sure", "100 x sure", "LIGHTHOUSE"];
  for (const [index, content] of said.entries())
    await db.query(
      "t_said",
      `INSERT INTO agent_messages (id, task_execution_id, step_id, role, status, content)
       VALUES ($1, $2, $3, 'assistant', 'completed', $4)`,
      [uuidv7(), executionId, index % 2 === 0 ? first : second, content],
    );
  const find = async (query: Parameters<typeof listMessages>[3]) => {
    const page = await listMessages(db, task, executionId, query);
    return { said: page?.data.map(({ content }) => content), next: page?.nextCursor ?? null };
  };
  assert.deepEqual(await find({ search: "lighthouse" }), {
    said: ["LIGHTHOUSE", "the lighthouse again", "A Lighthouse"],
    next: null,
  });
  assert.deepEqual((await find({ search: "lighthouse", stepId: first })).said, [
    "the lighthouse again",
    "A Lighthouse",
  ]);
  assert.deepEqual((await find({ stepId: second, order: "asc" })).said, ["nothing", "100 % sure", "LIGHTHOUSE"]);
  assert.deepEqual((await find({ search: "100 %" })).said, ["100 % sure"]);
  const page = await find({ search: "lighthouse", limit: 2 });
  assert.deepEqual(page.said, ["LIGHTHOUSE", "the lighthouse again"]);
  assert.deepEqual(await find({ search: "lighthouse", limit: 2, cursor: page.next ?? "" }), {
    said: ["A Lighthouse"],
    next: null,
  });
  assert.deepEqual(await find({ search: "submarine" }), { said: [], next: null });
  assert.equal(await listMessages(db, { userId: uuidv7() }, executionId, { search: "lighthouse" }), null);
});
