import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { openListener, uuidv7 } from "#db";
import { createTestDatabase, type TestDatabase } from "../../test/support/database.ts";
import { insertExecution, insertTask } from "../../test/support/executions.ts";
import { createEventHub, type EventHub, type StoredEvent } from "./index.ts";

describe("the hub", () => {
  let test: TestDatabase;
  let hub: EventHub;
  let close: () => Promise<void>;
  before(async () => {
    test = await createTestDatabase();
    const listener = await openListener(test.url, (error) => assert.fail(String(error)));
    hub = createEventHub({ db: test.db, listener, processId: uuidv7(), notify: () => undefined });
    close = async () => {
      await hub.close();
      await listener.close();
      await test.drop();
    };
  });
  after(() => close());

  for (const readers of [1, 300]) {
    it(`gives ${readers} readers every event once, in order, and the end`, async () => {
      const executionId = await insertExecution(test.db, await insertTask(test.db));
      const seen: number[][] = Array.from({ length: readers }, () => []);
      const ended = seen.map(
        (seqs) =>
          new Promise<void>((resolve) => {
            hub.subscribe(executionId, 0, {
              onEvents: (events) => {
                seqs.push(...events.map((event) => event.seq));
                // As a socket does, take a little time, so that a crowd falls behind a burst.
                const untilMs = performance.now() + 0.02;
                while (performance.now() < untilMs);
              },
              onEnd: resolve,
              onError: (error) => assert.fail(String(error)),
            });
          }),
      );
      const count = 40;
      for (let seq = 1; seq <= count; seq++) {
        const type = seq === count ? "execution-end" : "message-delta";
        const data = {};
        await test.db.query("t_append", "SELECT muster_append($1, $2::jsonb)", [
          executionId,
          JSON.stringify([{ type, data }]),
        ]);
        if (seq === count) {
          await test.db.query("t_end", "UPDATE task_executions SET status = 'completed' WHERE id = $1", [executionId]);
        }
        const event: StoredEvent = { executionId, seq, type, at: new Date().toISOString(), data };
        hub.publish(executionId, [event]);
      }
      await Promise.all(ended);
      const expected = Array.from({ length: count }, (_, index) => index + 1);
      for (const seqs of seen) assert.deepEqual(seqs, expected);
      assert.equal(hub.size(), 0);
    });
  }

  it("gives a reader nothing twice who was served while its execution was looked up", async () => {
    const executionId = await insertExecution(test.db, await insertTask(test.db));
    const append = async (seq: number, type: StoredEvent["type"]): Promise<StoredEvent> => {
      await test.db.query("t_append", "SELECT muster_append($1, $2::jsonb)", [
        executionId,
        JSON.stringify([{ type, data: {} }]),
      ]);
      return { executionId, seq, type, at: new Date().toISOString(), data: {} };
    };
    // The answer of the first look is on its way for long: it says that there is no event yet.
    let arrive: () => void = () => undefined;
    const onItsWay = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    let looked: () => void = () => undefined;
    const hasLooked = new Promise<void>((resolve) => {
      looked = resolve;
    });
    const slow = Object.create(test.db) as typeof test.db;
    slow.query = async (name: string, ...rest: [string, unknown[]?]) => {
      const result = await test.db.query(name, ...rest);
      if (name === "events_heads") {
        looked();
        await onItsWay;
      }
      return result as never;
    };
    const listener = await openListener(test.url, (error) => assert.fail(String(error)));
    const other = createEventHub({ db: slow, listener, processId: uuidv7(), notify: () => undefined });
    try {
      const seen: number[] = [];
      const ended = new Promise<void>((resolve) => {
        other.subscribe(executionId, 0, {
          onEvents: (events) => seen.push(...events.map((event) => event.seq)),
          onEnd: resolve,
          onError: (error) => assert.fail(String(error)),
        });
      });
      await hasLooked;
      other.publish(executionId, [await append(1, "message-delta")]);
      other.publish(executionId, [await append(2, "message-delta")]);
      arrive();
      await new Promise((resolve) => setImmediate(resolve));
      const end = await append(3, "execution-end");
      await test.db.query("t_end", "UPDATE task_executions SET status = 'completed' WHERE id = $1", [executionId]);
      other.publish(executionId, [end]);
      await ended;
      assert.deepEqual(seen, [1, 2, 3]);
    } finally {
      await other.close();
      await listener.close();
    }
  });
});
