import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { EndReason, Execution, ExecutionLimits } from "#contracts";
import type { Database } from "#db";
import { acceptExecution, readExecution, resumeExecution, retryExecution, setExecutionBudget } from "#domain";
import { LlmError, type LlmHandler, type LlmToolCall } from "#llm";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { insertTask, type TestTask } from "../support/executions.ts";
import { replyOf, startTestWorker, type TestWorker } from "../support/worker.ts";

type Answer = { text: string; toolCalls?: LlmToolCall[] };

describe("what bounds an execution", () => {
  let test: TestDatabase;
  let db: Database;
  let worker: TestWorker;
  let answer: (call: Parameters<LlmHandler>[0]) => Answer | Promise<Answer> = () => ({ text: "Fine." });

  before(async () => {
    test = await createTestDatabase();
    db = test.db;
    const gateway: LlmHandler = async (call) => {
      const { callId, ledger } = call.context;
      const reserved = await ledger?.reserve({
        callId,
        attempt: 1,
        provider: "openai",
        accountId: null,
        model: "test-model",
        inputTokens: 10,
        maxOutputTokens: 100,
        minOutputTokens: 100,
        inputCostNanoUsd: 0,
        outputNanoUsdPerToken: 10,
      });
      if (reserved?.outcome === "budget_exceeded") throw new LlmError("budget_exceeded", "The budget is used up.");
      if (reserved && reserved.outcome !== "granted") throw new LlmError("stopped", reserved.outcome);
      const { text, toolCalls = [] } = await answer(call);
      const reply = replyOf(text, { toolCalls, finishReason: toolCalls.length > 0 ? "tool_calls" : "stop" });
      await ledger?.settle({ callId, attempt: 1, outcome: "done", usage: reply.usage, costNanoUsd: 1_000 });
      return reply;
    };
    worker = await startTestWorker({ db, url: test.url, gateway });
  });
  after(async () => {
    await worker.stop();
    await test.drop();
  });

  const listFiles = (n: number): Answer => ({
    text: "Looking.",
    toolCalls: [{ id: `call-${n}`, name: "list_files", arguments: "{}" }],
  });

  async function prepare(limits: Partial<ExecutionLimits>): Promise<TestTask> {
    const task = await insertTask(db, { process: "sequential" });
    await db.query("t_limits", "UPDATE squads SET limits = $2 WHERE id = $1", [task.squadId, JSON.stringify(limits)]);
    await db.query("t_tools", "UPDATE squad_members SET tools = '{list_files,read_file}' WHERE squad_id = $1", [
      task.squadId,
    ]);
    return task;
  }

  async function run(task: TestTask, budgetNanoUsd?: number): Promise<Execution> {
    const accepted = await acceptExecution(db, { userId: task.userId }, { taskId: task.taskId, budgetNanoUsd });
    assert.ok(accepted.outcome === "accepted");
    return rest(task, accepted.execution.id);
  }

  /** The execution once nothing works on it any more. */
  async function rest(task: TestTask, id: string): Promise<Execution> {
    worker.worker.wake();
    for (const deadline = Date.now() + 10_000; Date.now() < deadline; ) {
      const execution = await readExecution(db, { userId: task.userId }, id);
      assert.ok(execution);
      if (execution.status !== "queued" && execution.status !== "running") return execution;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error("The execution did not come to rest.");
  }

  it("ends with a reason of its own at each limit", async () => {
    let n = 0;
    const cases: [EndReason, Partial<ExecutionLimits>, typeof answer][] = [
      ["step_limit", { maxSteps: 1 }, () => ({ text: "Fine." })],
      ["llm_call_limit", { maxLlmCalls: 1 }, () => ({ text: "Fine." })],
      [
        "tool_call_limit",
        { maxToolCalls: 1 },
        () => {
          n += 1;
          const args = JSON.stringify({ path: `${n}.md` });
          return { text: "Reading.", toolCalls: [{ id: `call-${n}`, name: "read_file", arguments: args }] };
        },
      ],
      [
        "time_limit",
        { maxDurationMs: 50 },
        (call) =>
          new Promise((_, reject) => {
            call.context.signal.addEventListener("abort", () => reject(new LlmError("cancelled", "cut off")));
          }),
      ],
    ];
    for (const [endReason, limits, script] of cases) {
      answer = script;
      const execution = await run(await prepare(limits));
      assert.deepEqual([execution.status, execution.endReason], ["failed", endReason]);
      assert.match(execution.error ?? "", /Raise/);
    }
  });

  it("pauses, with a notification, when a member repeats itself, and goes on when its user resumes", async () => {
    let turns = 0;
    answer = () => {
      turns += 1;
      return turns <= 4 ? listFiles(turns) : { text: "Done looking." };
    };
    const task = await prepare({});
    const paused = await run(task);
    assert.equal(paused.status, "paused");
    const { rows } = await db.query<{ kind: string }>(
      "t_notes",
      "SELECT kind FROM notifications WHERE execution_id = $1",
      [paused.id],
    );
    assert.deepEqual(rows, [{ kind: "execution_paused" }]);
    assert.equal((await resumeExecution(db, { userId: task.userId }, paused.id)).outcome, "ok");
    const done = await rest(task, paused.id);
    assert.equal(done.status, "completed", done.error ?? "");
  });

  it("stops at its budget before the call, and goes on where it was when the budget is raised", async () => {
    answer = () => ({ text: "Fine." });
    const task = await prepare({});
    const stopped = await run(task, 2_500);
    assert.deepEqual([stopped.status, stopped.endReason], ["budget_exceeded", "budget_exceeded"]);
    assert.equal(stopped.totals.llmCalls, 2);
    assert.deepEqual(stopped.budget, { limitNanoUsd: 2_500, spentNanoUsd: 2_000, reservedNanoUsd: 0, period: "total" });
    await setExecutionBudget(db, { userId: task.userId }, stopped.id, 10_000);
    assert.equal((await retryExecution(db, { userId: task.userId }, stopped.id)).outcome, "ok");
    const done = await rest(task, stopped.id);
    assert.equal(done.status, "completed", done.error ?? "");
    assert.equal(done.totals.llmCalls, 3);
  });
});
