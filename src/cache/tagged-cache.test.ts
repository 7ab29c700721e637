import assert from "node:assert/strict";
import { test } from "node:test";
import { createTaggedCache } from "./tagged-cache.ts";

function setUp(maxBytes = 1_000) {
  let time = 0;
  const cache = createTaggedCache<string>({ maxBytes, sizeOf: (value) => value.length, now: () => time });
  return { cache, advance: (ms: number) => (time += ms) };
}

function deferred<Value>() {
  let resolve: (value: Value) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<Value>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

const rule = { ttlMs: 100, tags: ["a"] };

test("equal loads in flight are one", async () => {
  const { cache } = setUp();
  const load = deferred<string>();
  let loads = 0;
  const ask = () =>
    cache.get("k", rule, () => {
      loads++;
      return load.promise;
    });
  const both = Promise.all([ask(), ask()]);
  load.resolve("v");
  assert.deepEqual(
    (await both).map((one) => [one.value, one.result]),
    [
      ["v", "miss"],
      ["v", "coalesced"],
    ],
  );
  assert.equal(loads, 1);
  assert.equal(cache.fresh("k"), "v");
});

test("a load that began before an invalidation is not kept and not joined after it", async () => {
  const { cache } = setUp();
  const old = deferred<string>();
  const first = cache.get("k", rule, () => old.promise);
  cache.invalidate(["a"]);
  const second = await cache.get("k", rule, async () => "new");
  assert.deepEqual(second, { value: "new", result: "miss" });
  old.resolve("old");
  assert.equal((await first).value, "old");
  assert.equal(cache.fresh("k"), "new");
});

test("an expired value that one caller refreshes is shown to the others", async () => {
  const { cache, advance } = setUp();
  await cache.get("k", rule, async () => "old");
  advance(101);
  assert.equal(cache.fresh("k"), undefined);
  const load = deferred<string>();
  const refresher = cache.get("k", rule, () => load.promise);
  assert.deepEqual(await cache.get("k", rule, async () => assert.fail("a second load")), {
    value: "old",
    result: "stale",
  });
  load.resolve("new");
  assert.deepEqual(await refresher, { value: "new", result: "miss" });
  assert.equal(cache.fresh("k"), "new");
});

test("an invalidated value is never shown, also not while it is loaded again", async () => {
  const { cache } = setUp();
  await cache.get("k", rule, async () => "old");
  cache.invalidate(["a"]);
  const load = deferred<string>();
  const first = cache.get("k", rule, () => load.promise);
  const second = cache.get("k", rule, async () => assert.fail("a second load"));
  load.resolve("new");
  assert.equal((await first).value, "new");
  assert.equal((await second).value, "new");
});

test("an expired value whose load is repeatable is shown to all while it is refreshed once; never an invalidated one", async () => {
  const { cache, advance } = setUp();
  const again = { ...rule, repeatable: true };
  let loads = 0;
  const load = async () => `v${++loads}`;
  await cache.get("k", again, load);
  advance(101);
  const both = await Promise.all([cache.get("k", again, load), cache.get("k", again, load)]);
  assert.deepEqual(both, [
    { value: "v1", result: "stale" },
    { value: "v1", result: "stale" },
  ]);
  assert.deepEqual([loads, cache.fresh("k")], [2, "v2"]);
  advance(201);
  assert.deepEqual(await cache.get("k", again, load), { value: "v3", result: "miss" });
  advance(101);
  cache.invalidate(["a"]);
  assert.deepEqual(await cache.get("k", again, load), { value: "v4", result: "miss" });
});

test("what a write made old can be renewed, a few times without a reader", async () => {
  const { cache } = setUp();
  const again = { ...rule, repeatable: true };
  let loads = 0;
  await cache.get("k", again, async () => `v${++loads}`);
  for (let unread = 0; unread < 4; unread++) {
    const renewals = cache.invalidate(["a"]);
    assert.deepEqual(
      renewals.map((one) => one.unread),
      [unread],
    );
    await renewals[0]?.load();
  }
  assert.equal(loads, 5);
  assert.deepEqual(cache.invalidate(["a"]), [], "nobody reads it any more");
  await cache.get("k", again, async () => `v${++loads}`);
  await cache.invalidate(["a"])[0]?.load();
  assert.equal(cache.fresh("k"), "v7");
  assert.equal(cache.invalidate(["a"])[0]?.unread, 0, "it was read again");
  const old = deferred<string>();
  await cache.get("k", again, async () => "x");
  const [renewal] = cache.invalidate(["a"]);
  const reader = cache.get("k", again, () => old.promise);
  await renewal?.load();
  old.resolve("from the reader");
  assert.deepEqual(await reader, { value: "from the reader", result: "miss" });
});

test("a failed load is not kept", async () => {
  const { cache } = setUp();
  await assert.rejects(
    cache.get("k", rule, () => Promise.reject(new Error("no"))),
    /no/,
  );
  assert.deepEqual(await cache.get("k", rule, async () => "v"), { value: "v", result: "miss" });
});

test("the least recently used values go when the bytes are used up", async () => {
  const { cache } = setUp(40);
  for (const key of ["1", "2", "3", "4"]) await cache.get(key, { ttlMs: 100, tags: [key] }, async () => "0123456789");
  cache.fresh("1");
  await cache.get("5", rule, async () => "0123456789");
  assert.equal(cache.fresh("2"), undefined);
  assert.equal(cache.fresh("1"), "0123456789");
  assert.deepEqual(cache.size(), { entries: 4, bytes: 40 });
  await cache.get("6", rule, async () => "a value of more than a quarter");
  assert.equal(cache.fresh("6"), undefined);
});

test("clear forgets everything, loads in flight too", async () => {
  const { cache } = setUp();
  const load = deferred<string>();
  const asked = cache.get("k", rule, () => load.promise);
  cache.clear();
  load.resolve("v");
  await asked;
  assert.deepEqual(cache.size(), { entries: 0, bytes: 0 });
});

test("of what a write made old, the most asked for comes first, and last what was renewed for nobody", async () => {
  const cache = createTaggedCache<string>({ maxBytes: 1_000, sizeOf: () => 1 });
  const loaded: string[] = [];
  const ask = (key: string) =>
    cache.get(key, { ttlMs: 1_000, tags: ["a", key], repeatable: true }, async () => {
      loaded.push(key);
      return key;
    });
  for (const key of ["renewed", "once", "often"]) await ask(key);
  for (const key of ["renewed", "renewed", "renewed", "often"]) await ask(key);
  for (const renewal of cache.invalidate(["renewed"])) await renewal.load();
  loaded.length = 0;
  for (const renewal of cache.invalidate(["a"])) await renewal.load();
  assert.deepEqual(loaded, ["often", "once", "renewed"]);
});
