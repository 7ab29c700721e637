import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Database } from "#db";
import { acceptExecution, listLlmCalls, listMessages, readExecution } from "#domain";
import type { StoredEvent } from "#events";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { insertTask, type TestTask } from "../support/executions.ts";
import { scriptedGateway, startTestWorker, type TestWorker } from "../support/worker.ts";

describe("a worker", () => {
  let test: TestDatabase;
  let db: Database;
  let task: TestTask;
  let worker: TestWorker;
  const calls: string[] = [];

  before(async () => {
    test = await createTestDatabase();
    db = test.db;
    task = await insertTask(db, { process: "sequential" });
    const gateway = scriptedGateway((call) => {
      calls.push(call.context.memberId ?? "");
      return `Answer number ${calls.length} in several words.`;
    });
    worker = await startTestWorker({
      db,
      url: test.url,
      gateway,
      log: (message, fields) => console.error(message, fields),
    });
  });
  after(async () => {
    await worker.stop();
    await test.drop();
  });

  it("works an accepted execution to its end and hands every event to its readers, in order", async () => {
    const accepted = await acceptExecution(db, { userId: task.userId }, { taskId: task.taskId });
    assert.ok(accepted.outcome === "accepted");
    const { id } = accepted.execution;
    const events: StoredEvent[] = [];
    const ended = new Promise<void>((resolve, reject) => {
      worker.hub.subscribe(id, 0, { onEvents: (some) => events.push(...some), onEnd: resolve, onError: reject });
    });
    worker.worker.wake();
    await ended;
    assert.deepEqual(
      events.map((event) => event.seq),
      events.map((_, index) => index + 1),
    );
    assert.equal(events.at(-1)?.type, "execution-end");
    const execution = await readExecution(db, { userId: task.userId }, id);
    assert.equal(execution?.status, "completed");
    assert.equal(execution?.totals.llmCalls, calls.length);
    assert.equal(execution?.totals.costNanoUsd, calls.length * 1_000);
    assert.match(execution?.result?.text ?? "", /^Answer number \d in several words\.$/);
    const messages = await listMessages(db, { userId: task.userId }, id, {});
    assert.equal(messages?.data.length, calls.length);
    const listed = await listLlmCalls(db, { userId: task.userId }, id, {});
    assert.ok(
      listed?.data.every((call) => call.cacheResult !== null && call.latencyMs !== null && call.rateWaitMs !== null),
      "how a call went is said by its bill",
    );
    const stored: StoredEvent[] = [];
    await new Promise<void>((resolve, reject) => {
      worker.hub.subscribe(id, 0, { onEvents: (some) => stored.push(...some), onEnd: resolve, onError: reject });
    });
    assert.deepEqual(stored, events, "what is read later is what was shown live");
  });

  it("begins the calls of members who work side by side in one commit", async () => {
    const together = await insertTask(db, { process: "parallel", members: 4 });
    const accepted = await acceptExecution(db, { userId: together.userId }, { taskId: together.taskId });
    assert.ok(accepted.outcome === "accepted");
    const events: StoredEvent[] = [];
    const ended = new Promise<void>((resolve, reject) => {
      worker.hub.subscribe(accepted.execution.id, 0, {
        onEvents: (some) => events.push(...some),
        onEnd: resolve,
        onError: reject,
      });
    });
    worker.worker.wake();
    await ended;
    const begun = events.filter((event) => event.type === "message-start").slice(0, 3);
    assert.equal(begun.length, 3);
    // The time of an event is that of its commit.
    assert.equal(new Set(begun.map((event) => event.at)).size, 1, JSON.stringify(begun));
  });
});
