import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import type { Execution, ExecutionStatus } from "#contracts";
import type { Database } from "#db";
import {
  acceptExecution,
  approveExecution,
  cancelExecution,
  pauseExecution,
  readExecution,
  resumeExecution,
  retryExecution,
} from "#domain";
import type { StoredEvent } from "#events";
import { LlmError, type LlmHandler } from "#llm";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { insertTask, type TestTask } from "../support/executions.ts";
import { scriptedGateway, startTestWorker, type TestWorker } from "../support/worker.ts";

/** Says yes to a condition that the database will reach, or fails after five seconds. */
async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `waited too long for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe("a user's control over an execution", () => {
  let test: TestDatabase;
  let db: Database;
  let worker: TestWorker;
  let answer: (call: Parameters<LlmHandler>[0]) => Promise<string> | string = () => "An answer.";
  let calls = 0;

  before(async () => {
    test = await createTestDatabase();
    db = test.db;
    const gateway = scriptedGateway((call) => {
      calls += 1;
      return answer(call);
    });
    worker = await startTestWorker({ db, url: test.url, gateway });
  });
  beforeEach(() => {
    answer = () => "An answer.";
    calls = 0;
  });
  after(async () => {
    await worker.stop();
    await test.drop();
  });

  async function start(task: TestTask): Promise<string> {
    const accepted = await acceptExecution(db, { userId: task.userId }, { taskId: task.taskId });
    assert.ok(accepted.outcome === "accepted");
    worker.worker.wake();
    return accepted.execution.id;
  }

  async function read(task: TestTask, id: string): Promise<Execution> {
    const execution = await readExecution(db, { userId: task.userId }, id);
    assert.ok(execution);
    return execution;
  }

  const reaches = (task: TestTask, id: string, status: ExecutionStatus) =>
    until(async () => (await read(task, id)).status === status, `status ${status}`);

  /** Waits like a provider does, until its answer or the abort. */
  function hanging(signal: AbortSignal, release?: Promise<string>): Promise<string> {
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(new LlmError("cancelled", "The call was cancelled.")));
      void release?.then(resolve);
    });
  }

  it("cancels a running call, keeps what is finished and ends once", async () => {
    const task = await insertTask(db, { process: "sequential" });
    answer = (call) => (calls === 1 ? "First." : hanging(call.context.signal));
    const id = await start(task);
    await until(async () => calls === 2, "the second call");
    const first = await cancelExecution(db, { userId: task.userId }, id);
    assert.ok(first.outcome === "ok");
    await reaches(task, id, "cancelled");
    const again = await cancelExecution(db, { userId: task.userId }, id);
    assert.equal(again.outcome, "ok");
    const execution = await read(task, id);
    assert.equal(execution.endReason, "cancelled_by_user");
    assert.equal(execution.steps.filter((step) => step.status === "completed").length, 1);
    assert.equal(execution.totals.costNanoUsd, 1_000);
    const { rows } = await db.query<{ ends: number }>(
      "t_ends",
      "SELECT count(*)::int AS ends FROM execution_events WHERE execution_id = $1 AND type = 'execution-end'",
      [id],
    );
    assert.equal(rows[0]?.ends, 1);
  });

  it("pauses after the running call and goes on without paying for anything twice", async () => {
    const task = await insertTask(db, { process: "sequential" });
    let release: (text: string) => void = () => undefined;
    const released = new Promise<string>((resolve) => {
      release = resolve;
    });
    answer = (call) => (calls === 2 ? hanging(call.context.signal, released) : "Quick.");
    const id = await start(task);
    await until(async () => calls === 2, "the second call");
    assert.equal((await pauseExecution(db, { userId: task.userId }, id)).outcome, "ok");
    release("Second, finished in spite of the pause.");
    await reaches(task, id, "paused");
    assert.equal(calls, 2);
    assert.equal((await resumeExecution(db, { userId: task.userId }, id)).outcome, "ok");
    worker.worker.wake();
    await reaches(task, id, "completed");
    assert.equal(calls, 3);
    assert.equal((await read(task, id)).totals.llmCalls, 3);
  });

  it("retries from the call that failed, with all finished work kept", async () => {
    const task = await insertTask(db, { process: "sequential" });
    answer = () => {
      if (calls === 2) throw new LlmError("provider_error", "The provider answered 500.");
      return "Fine.";
    };
    const id = await start(task);
    await reaches(task, id, "failed");
    assert.equal((await read(task, id)).endReason, "provider_failed");
    assert.equal((await retryExecution(db, { userId: task.userId }, id)).outcome, "ok");
    worker.worker.wake();
    await reaches(task, id, "completed");
    assert.equal(calls, 4, "one failed, three answered, none repeated");
  });

  it("plans anew when a plan that could not be used is retried", async () => {
    const task = await insertTask(db, { process: "lead" });
    const plan = JSON.stringify({
      steps: [{ key: "one", title: "One", owner: "Member 1", dependsOn: [], doneCriterion: "done" }],
    });
    let usable = false;
    answer = (call) => {
      if (call.request.responseFormat?.type !== "json_schema") return "Fine.";
      return usable ? plan : "This is not a plan.";
    };
    const id = await start(task);
    await reaches(task, id, "failed");
    assert.equal((await read(task, id)).endReason, "plan_invalid");
    assert.equal(calls, 2, "one repair");
    usable = true;
    assert.equal((await retryExecution(db, { userId: task.userId }, id)).outcome, "ok");
    worker.worker.wake();
    await reaches(task, id, "completed");
  });

  it("rests until the plan is approved, and ends when it is refused", async () => {
    for (const approved of [true, false]) {
      const task = await insertTask(db, { process: "sequential" });
      await db.query("t_approval", "UPDATE squads SET require_approval = true WHERE id = $1", [task.squadId]);
      calls = 0;
      const id = await start(task);
      await reaches(task, id, "awaiting_approval");
      assert.equal((await approveExecution(db, { userId: task.userId }, id, { approved })).outcome, "ok");
      worker.worker.wake();
      await reaches(task, id, approved ? "completed" : "failed");
      if (!approved) assert.equal((await read(task, id)).endReason, "approval_refused");
    }
  });

  it("numbers the events of users and workers in one row without a gap", async () => {
    const task = await insertTask(db, { process: "sequential" });
    let pausedOnce = false;
    answer = async () => {
      if (!pausedOnce) {
        pausedOnce = true;
        const { rows } = await db.query<{ id: string }>(
          "t_running",
          "SELECT id FROM task_executions WHERE task_id = $1",
          [task.taskId],
        );
        await pauseExecution(db, { userId: task.userId }, rows[0]?.id ?? "");
      }
      return "Fine.";
    };
    const id = await start(task);
    await reaches(task, id, "paused");
    await resumeExecution(db, { userId: task.userId }, id);
    worker.worker.wake();
    await reaches(task, id, "completed");
    const events: StoredEvent[] = [];
    await new Promise<void>((resolve, reject) => {
      worker.hub.subscribe(id, 0, { onEvents: (some) => events.push(...some), onEnd: resolve, onError: reject });
    });
    assert.deepEqual(
      events.map((event) => event.seq),
      events.map((_, index) => index + 1),
    );
    assert.deepEqual(
      events.map((event) => event.type).filter((type) => type.startsWith("execution-")),
      ["execution-start", "execution-pause", "execution-resume", "execution-end"],
    );
  });
});
