import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { after, before, beforeEach, describe, it } from "node:test";
import { createNotifier, type Database, openListener, uuidv7 } from "#db";
import { createTestDatabase, type TestDatabase } from "../../test/support/database.ts";
import { insertExecution, insertTask } from "../../test/support/executions.ts";
import { createEventHub, type EventHub, type StoredEvent } from "./index.ts";

/** A database whose answers about executions are on their way until `arrive` is called. */
function slowHeads(db: Database): { db: Database; hasLooked: Promise<void>; arrive: () => void } {
  const { promise: onItsWay, resolve: arrive } = Promise.withResolvers<void>();
  const { promise: hasLooked, resolve: looked } = Promise.withResolvers<void>();
  const slow = Object.create(db) as Database;
  slow.query = async (name: string, ...rest: [string, unknown[]?]) => {
    const result = await db.query(name, ...rest);
    if (name === "events_heads") {
      looked();
      await onItsWay;
    }
    return result as never;
  };
  return { db: slow, hasLooked, arrive };
}

/** A reader from the first event on. */
function follow(hub: EventHub, executionId: string): { seqs: number[]; until(seq: number): Promise<void> } {
  const seqs: number[] = [];
  const came = new EventEmitter();
  hub.subscribe(executionId, 0, {
    onEvents: (events) => {
      seqs.push(...events.map((event) => event.seq));
      came.emit("events");
    },
    onEnd: () => assert.fail("the execution has not ended"),
    onError: (error) => assert.fail(String(error)),
  });
  return {
    seqs,
    async until(seq) {
      while ((seqs.at(-1) ?? 0) < seq) await once(came, "events");
    },
  };
}

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
    const { db: slow, hasLooked, arrive } = slowHeads(test.db);
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

  describe("tells how long events took to their readers", () => {
    const delays: number[] = [];
    let notifier: ReturnType<typeof createNotifier>;
    let listener: Awaited<ReturnType<typeof openListener>>;
    before(async () => {
      notifier = createNotifier(test.db, (error) => assert.fail(String(error)));
      listener = await openListener(test.url, (error) => assert.fail(String(error)));
    });
    beforeEach(() => delays.splice(0));
    after(async () => {
      await listener.close();
      await notifier.close();
    });

    const observing = (db: Database): EventHub =>
      createEventHub({
        db,
        listener,
        processId: uuidv7(),
        notify: notifier.notify,
        observeDelivery: (ms) => delays.push(ms),
      });

    /** Stores an event; what is told of it says that this was so long ago. */
    async function append(executionId: string, seq: number, ageMs = 0): Promise<StoredEvent> {
      const events = JSON.stringify([{ type: "message-delta", data: {} }]);
      await test.db.query("t_append", "SELECT muster_append($1, $2::jsonb)", [executionId, events]);
      await test.db.query(
        "t_age",
        "UPDATE execution_event_batches SET at = at - make_interval(secs => $3) WHERE execution_id = $1 AND last_seq = $2",
        [executionId, seq, ageMs / 1_000],
      );
      return { executionId, seq, type: "message-delta", at: new Date(Date.now() - ageMs).toISOString(), data: {} };
    }

    const about = (ms: number) => {
      const last = delays.at(-1) ?? Number.NaN;
      assert.ok(last >= ms && last < ms + 60_000, `${last} ms are not about ${ms}`);
    };
    const hourMs = 3_600_000;

    it("once for all readers, of this process's events and another's, and not of a replay", async () => {
      const executionId = await insertExecution(test.db, await insertTask(test.db));
      await append(executionId, 1, 10 * hourMs);
      const [mine, other] = [observing(test.db), observing(test.db)];
      try {
        const readers = Array.from({ length: 3 }, () => follow(mine, executionId));
        const all = (seq: number) => Promise.all(readers.map((reader) => reader.until(seq)));
        await all(1);
        assert.deepEqual(delays, []);

        mine.publish(executionId, [await append(executionId, 2, hourMs)]);
        await all(2);
        assert.equal(delays.length, 1);
        about(hourMs);

        // Nobody reads at the other process: it only says that there is more.
        other.publish(executionId, [await append(executionId, 3, 2 * hourMs)]);
        await all(3);
        assert.equal(delays.length, 2);
        about(2 * hourMs);

        // Of a batch its first; and a clock that is behind the database's gives nothing below 0.
        mine.publish(executionId, [await append(executionId, 4, 3 * hourMs), await append(executionId, 5)]);
        assert.equal(delays.length, 3);
        about(3 * hourMs);
        mine.publish(executionId, [await append(executionId, 6, -hourMs)]);
        assert.deepEqual(delays.slice(3), [0]);

        readers.push(follow(mine, executionId));
        await all(6);
        assert.equal(delays.length, 4);

        // Nobody was told of this one: who comes late finds it, and it is new to all.
        await append(executionId, 7, 4 * hourMs);
        readers.push(follow(mine, executionId));
        await all(7);
        assert.equal(delays.length, 5);
        about(4 * hourMs);

        // One that nobody was told of holds up the next, which is no news before it is read.
        await append(executionId, 8, 5 * hourMs);
        mine.publish(executionId, [await append(executionId, 9)]);
        await all(9);
        assert.equal(delays.length, 6);
        about(5 * hourMs);
        for (const { seqs } of readers) assert.deepEqual(seqs, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
      } finally {
        await mine.close();
        await other.close();
      }
    });

    it("and not of a replay that begins before it is known where the execution stands", async () => {
      const executionId = await insertExecution(test.db, await insertTask(test.db));
      await append(executionId, 1, 10 * hourMs);
      const slow = slowHeads(test.db);
      const mine = observing(slow.db);
      try {
        const reader = follow(mine, executionId);
        await slow.hasLooked;
        mine.publish(executionId, [await append(executionId, 2)]);
        await reader.until(2);
        assert.deepEqual(delays, []);
        slow.arrive();
        await new Promise((resolve) => setImmediate(resolve));
        mine.publish(executionId, [await append(executionId, 3, hourMs)]);
        await reader.until(3);
        assert.equal(delays.length, 1);
        about(hourMs);
      } finally {
        await mine.close();
      }
    });
  });
});
