import assert from "node:assert/strict";
import test from "node:test";
import { brotliDecompressSync, gunzipSync, gzipSync } from "node:zlib";
import { createAnswerCache, plainOf, prepareBrotli, type StoredAnswer } from "./response-cache.ts";
import { toStoredAnswer } from "./send-answer.ts";

const renewalsBeginWithinMs = 150;

/** A cache with a list that was loaded once and asked for again, and a promise of its next load. */
async function cacheWithUsedList(connect?: Parameters<typeof createAnswerCache>[0]) {
  const cache = createAnswerCache(connect);
  const rule = { ttlMs: 60_000, tags: ["user:tasks"], repeatable: true };
  let loads = 0;
  let onLoad: () => void = () => undefined;
  const load = async (): Promise<StoredAnswer> => {
    loads++;
    onLoad();
    return toStoredAnswer({ loads });
  };
  await cache.answers.get("list", rule, load);
  await cache.answers.get("list", rule, load);
  const again = new Promise<void>((resolve) => {
    onLoad = resolve;
  });
  const shown = () => cache.answers.fresh("list")?.identity?.toString();
  return { cache, again, shown, rule, load, loads: () => loads };
}

test("what a worker's commit made old is loaded again before anybody asks", async () => {
  const { cache, again, shown } = await cacheWithUsedList();
  assert.equal(shown(), '{"loads":1}');
  cache.answers.invalidate(["user:tasks"]);
  assert.equal(shown(), undefined, "the old answer is never shown again");
  await again;
  await new Promise(setImmediate);
  assert.equal(shown(), '{"loads":2}');
});

test("so is what another process made old", async () => {
  let hear: (tags: string[]) => void = () => undefined;
  const { again, shown } = await cacheWithUsedList({
    connect: ({ onInvalidate }) => {
      hear = onInvalidate;
      return { usable: () => true, publish: async () => undefined };
    },
  });
  hear(["user:tasks"]);
  assert.equal(shown(), undefined);
  await again;
  await new Promise(setImmediate);
  assert.equal(shown(), '{"loads":2}');
});

test("when invalidations may have been missed, nothing of before is renewed", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let reset: () => void = () => undefined;
  const { cache, loads, rule, load } = await cacheWithUsedList({
    connect: ({ onReset }) => {
      reset = onReset;
      return { usable: () => true, publish: async () => undefined };
    },
  });
  cache.answers.invalidate(["user:tasks"]);
  reset();
  t.mock.timers.tick(renewalsBeginWithinMs);
  await new Promise(setImmediate);
  assert.equal(loads(), 1);
  assert.equal((await cache.answers.get("list", rule, load)).result, "miss");
});

test("nothing is renewed while others wait for the database", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let busy = true;
  const { cache, loads, rule, load } = await cacheWithUsedList({ isBusy: () => busy });
  const tick = async () => {
    t.mock.timers.tick(renewalsBeginWithinMs);
    await new Promise(setImmediate);
  };
  cache.answers.invalidate(["user:tasks"]);
  await tick();
  assert.equal(loads(), 1, "a worker's commit");
  for (let asked = 0; asked < 2; asked++) await cache.answers.get("list", rule, load);
  await cache.invalidate(["user:tasks"]);
  await tick();
  assert.equal(loads(), 2, "a write of its own");
  for (let asked = 0; asked < 2; asked++) await cache.answers.get("list", rule, load);
  busy = false;
  cache.answers.invalidate(["user:tasks"]);
  await tick();
  assert.equal(loads(), 4, "nobody waits any more");
});

test("what nobody read since it was last renewed waits longer: a run of many commits is no run of many loads", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { cache, loads, rule, load } = await cacheWithUsedList();
  const tick = async (ms: number) => {
    t.mock.timers.tick(ms);
    await new Promise(setImmediate);
  };
  cache.answers.invalidate(["user:tasks"]);
  await tick(renewalsBeginWithinMs);
  assert.equal(loads(), 2);
  for (let commit = 0; commit < 10; commit++) {
    cache.answers.invalidate(["user:tasks"]);
    await tick(10);
  }
  assert.equal(loads(), 2, "not at once");
  await tick(4 * renewalsBeginWithinMs);
  assert.equal(loads(), 3);
  assert.equal((await cache.answers.get("list", rule, load)).result, "hit");
  cache.answers.invalidate(["user:tasks"]);
  await tick(renewalsBeginWithinMs);
  assert.equal(loads(), 4, "it was read");
});

test("while room is scarce, a large answer that is read again is kept compressed only, and every form is still to be had", async () => {
  const text = { messages: Array.from({ length: 200 }, (_, number) => `Message ${number} of a long execution`) };
  const answer = toStoredAnswer(text);
  const cache = createAnswerCache({ maxBytes: answer.length * 5 });
  const keep = (key: string, value: StoredAnswer) =>
    cache.answers.get(key, { ttlMs: 60_000, tags: [] }, async () => value);
  await keep("messages", answer);
  assert.equal(cache.spareRoom("messages", answer, true), undefined, "there is room");
  for (const key of ["another", "a third"]) await keep(key, toStoredAnswer(text));
  const before = cache.answers.size().bytes;
  assert.equal(cache.spareRoom("messages", answer, false), undefined, "it may never be asked for again");
  assert.ok(answer.identity);
  await cache.spareRoom("messages", answer, true);
  assert.equal(answer.identity, null);
  const packedBytes = (answer.gzip as Buffer).length;
  assert.equal(cache.answers.size().bytes, before - answer.length + packedBytes);
  assert.ok(packedBytes < answer.length / 3, `${packedBytes} of ${answer.length} bytes`);
  assert.deepEqual(gunzipSync(answer.gzip as Buffer).toString(), JSON.stringify(text));
  assert.equal((await plainOf(answer)).toString(), JSON.stringify(text));
  await new Promise<void>((onMade, onError) => prepareBrotli(answer, { onMade, onError }));
  assert.deepEqual(brotliDecompressSync(answer.br as Buffer).toString(), JSON.stringify(text));
});

test("what is sent compressed anyway is kept so while room is scarce", async () => {
  const answer = toStoredAnswer({ text: "What a squad said. ".repeat(500) });
  const cache = createAnswerCache({ maxBytes: answer.length * 5 });
  for (const key of ["one", "two", "three"]) {
    const value = key === "one" ? answer : toStoredAnswer({ key, text: "x".repeat(answer.length) });
    await cache.answers.get(key, { ttlMs: 60_000, tags: [] }, async () => value);
  }
  answer.gzip = gzipSync(answer.identity as Buffer);
  await cache.spareRoom("one", answer, false);
  assert.equal(answer.identity, null);
});
