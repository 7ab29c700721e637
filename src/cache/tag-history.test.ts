import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createTagHistory, type Stamp } from "./tag-history.ts";

const tags = ["a", "b"] as const;

/** Processes that share a database (a version of each tag), one order of messages, and a store of stamped values. */
class World {
  versions = [0, 0];
  readonly order: { type: "era" | "drop"; from: number; id: string; tags: string[]; mark: number }[] = [];
  readonly unsent: (typeof this.order)[number][] = [];
  readonly store: { stamp: Stamp; versions: number[] }[] = [];
  readonly processes: { history: ReturnType<typeof createTagHistory>; heard: number; knows: number[] }[] = [];
  readonly writes: { id: string; versions: number[] }[] = [];
  accepted = 0;

  join(): void {
    const from = this.processes.length;
    // It hears only what is sent from now on.
    this.processes.push({ history: createTagHistory(), heard: this.order.length, knows: [0, 0] });
    this.order.push({ type: "era", from, id: `era ${from}`, tags: [], mark: 0 });
  }

  write(which: number, tag: number): void {
    const process = this.processes[which % this.processes.length];
    if (!process) return;
    this.versions = this.versions.with(tag, (this.versions[tag] ?? 0) + 1);
    process.knows = process.knows.map((known, index) =>
      index === tag ? Math.max(known, this.versions[tag] ?? 0) : known,
    );
    process.history.invalidated([tags[tag] ?? ""]);
    const id = `drop ${this.writes.length}`;
    this.writes.push({ id, versions: this.versions });
    const from = which % this.processes.length;
    this.unsent.push({ type: "drop", from, id, tags: [tags[tag] ?? ""], mark: process.history.mark() });
  }

  /** Messages of different processes enter the order in any order; those of one process in theirs. */
  send(which: number): void {
    const from = this.unsent[which % this.unsent.length]?.from;
    const index = this.unsent.findIndex((message) => message.from === from);
    if (index >= 0) this.order.push(...this.unsent.splice(index, 1));
  }

  hear(which: number): void {
    const process = this.processes[which % this.processes.length];
    const message = process && this.order[process.heard];
    if (!process || !message) return;
    process.heard++;
    if (message.type === "era") process.history.beginEra(message.id);
    else if (message.from === which % this.processes.length) {
      process.history.heardOwn(message.tags, message.id, message.mark);
    } else {
      process.history.heard(message.tags, message.id);
      const write = this.writes.find(({ id }) => id === message.id);
      process.knows = process.knows.map((known, tag) =>
        message.tags.includes(tags[tag] ?? "") ? Math.max(known, write?.versions[tag] ?? 0) : known,
      );
    }
  }

  load(which: number): void {
    const stamp = this.processes[which % this.processes.length]?.history.stamp(tags);
    if (stamp) this.store.push({ stamp, versions: this.versions });
  }

  read(which: number, at: number): void {
    const process = this.processes[which % this.processes.length];
    const value = this.store[at % this.store.length];
    if (!process || !value || !process.history.accepts(value.stamp, tags)) return;
    this.accepted++;
    value.versions.forEach((version, tag) => {
      assert.ok(
        version >= (process.knows[tag] ?? 0),
        `a value of version ${version} where ${process.knows[tag]} is known`,
      );
    });
  }
}

test("no process accepts a value that is older than a write it made or heard of, in any order of events", () => {
  let accepted = 0;
  const n = fc.nat(11);
  const step = fc.oneof(
    { weight: 1, arbitrary: fc.constant((world: World) => world.join()) },
    {
      weight: 3,
      arbitrary: fc.tuple(n, fc.nat(1)).map(
        ([p, tag]) =>
          (world: World) =>
            world.write(p, tag),
      ),
    },
    { weight: 4, arbitrary: n.map((which) => (world: World) => world.send(which)) },
    { weight: 10, arbitrary: n.map((which) => (world: World) => world.hear(which)) },
    { weight: 5, arbitrary: n.map((which) => (world: World) => world.load(which)) },
    {
      weight: 8,
      arbitrary: fc.tuple(n, fc.nat(40)).map(
        ([p, at]) =>
          (world: World) =>
            world.read(p, at),
      ),
    },
  );
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 200 }), (steps) => {
      const world = new World();
      world.join();
      world.join();
      for (const take of steps) take(world);
      accepted += world.accepted;
    }),
    { numRuns: 2_000 },
  );
  assert.ok(accepted > 1_000, `${accepted} values were accepted, so the test looked at them`);
});

test("a full history gives up what it knew and asks for a new era", () => {
  let full = 0;
  const history = createTagHistory(() => full++);
  history.beginEra("1");
  const stamp = history.stamp(["x"]);
  assert.ok(stamp && history.accepts(stamp, ["x"]));
  history.heard(
    Array.from({ length: 100_001 }, (_, index) => String(index)),
    "m",
  );
  assert.equal(full, 1);
  assert.equal(history.accepts(stamp, ["x"]), false);
  assert.equal(history.stamp(["x"]), null);
});
