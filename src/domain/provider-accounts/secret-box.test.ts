import assert from "node:assert/strict";
import { test } from "node:test";
import { createSecretBox } from "./secret-box.ts";

const box = createSecretBox("an installation key of some length");

test("a sealed secret opens with the same key for the same row only", () => {
  const sealed = box.seal("sk-secret", "row-1");
  assert.equal(box.open(sealed, "row-1"), "sk-secret");
  assert.throws(() => box.open(sealed, "row-2"));
  assert.throws(() => createSecretBox("another installation key, as long").open(sealed, "row-1"));
  const changed = Buffer.from(sealed);
  changed[20] = (changed[20] ?? 0) ^ 1;
  assert.throws(() => box.open(changed, "row-1"));
});

test("the same secret never looks the same, and is not in the bytes", () => {
  const [first, second] = [box.seal("sk-secret", "row"), box.seal("sk-secret", "row")];
  assert.notDeepEqual(first, second);
  assert.ok(!first.includes("sk-secret"));
});
