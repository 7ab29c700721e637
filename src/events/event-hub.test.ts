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
});
