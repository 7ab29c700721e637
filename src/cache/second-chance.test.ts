import assert from "node:assert/strict";
import { test } from "node:test";
import { SecondChance } from "./second-chance.ts";

function setUp(keys: string) {
  const entries = new Map<string, { used: boolean }>();
  const line = new SecondChance(entries);
  for (const key of keys) entries.set(key, { used: false });
  const remove = (): string | null => {
    const next = line.next();
    if (next) entries.delete(next.key);
    return next?.key ?? null;
  };
  return { entries, remove };
}

test("the oldest go first, what was used goes to the end once", () => {
  const { entries, remove } = setUp("abcd");
  (entries.get("a") as { used: boolean }).used = true;
  (entries.get("c") as { used: boolean }).used = true;
  assert.deepEqual([remove(), remove(), remove(), remove(), remove()], ["b", "d", "a", "c", null]);
});

test("what is added, removed by others or used again meanwhile is seen, and all used still gives one", () => {
  const { entries, remove } = setUp("abc");
  assert.equal(remove(), "a");
  entries.delete("b");
  entries.set("d", { used: true });
  entries.set("c", { used: true });
  assert.equal(remove(), "c");
  assert.equal(remove(), "d");
  assert.equal(remove(), null);
  entries.set("e", { used: false });
  assert.equal(remove(), "e");
});

test("against a model: every removal is the first unused in the order of a queue that moves the used to its end", () => {
  const { entries, remove } = setUp("");
  const queue: string[] = [];
  const usedBefore = new Set<string>();
  let state = 7;
  const random = (below: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
  for (let step = 0; step < 20_000; step++) {
    const action = random(10);
    if (action < 5) {
      entries.set(`k${step}`, { used: false });
      queue.push(`k${step}`);
    } else if (action < 8 && queue.length > 0) {
      (entries.get(queue[random(queue.length)] as string) as { used: boolean }).used = true;
    } else {
      let expected: string | null = null;
      while (queue.length > 0 && expected === null) {
        const key = queue.shift() as string;
        const entry = entries.get(key) as { used: boolean };
        // The line itself clears the flags as it goes; the model only reads them.
        if (entry.used) {
          queue.push(key);
          entries.set(key, { used: false });
          usedBefore.add(key);
        } else expected = key;
      }
      for (const key of usedBefore) (entries.get(key) as { used: boolean }).used = true;
      usedBefore.clear();
      assert.equal(remove(), expected, `step ${step}`);
    }
  }
});
