import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { diffLines, foldDiff } from "./line-diff.ts";

const shown = (before: string, after: string) =>
  diffLines(before, after).map(({ kind, text }) => `${{ same: " ", added: "+", removed: "-" }[kind]}${text}`);

test("what stayed, went and came, with its numbers", () => {
  assert.deepEqual(shown("a\nb\nc\n", "a\nx\nc\nd\n"), [" a", "-b", "+x", " c", "+d"]);
  assert.deepEqual(shown("", "a\n"), ["+a"]);
  assert.deepEqual(shown("a", ""), ["-a"]);
  assert.deepEqual(shown("same", "same"), [" same"]);
  assert.deepEqual(
    diffLines("a\nb", "b\nc").map(({ before, after }) => [before, after]),
    [
      [1, null],
      [2, 1],
      [null, 2],
    ],
  );
});

test("both texts can be read out of every comparison", () => {
  const text = fc.array(fc.constantFrom("a", "b", "c", "d", ""), { maxLength: 30 }).map((lines) => lines.join("\n"));
  const plain = (value: string) => (value.endsWith("\n") ? value.slice(0, -1) : value);
  fc.assert(
    fc.property(text, text, (before, after) => {
      const lines = diffLines(before, after);
      const side = (gone: string) =>
        lines
          .filter(({ kind }) => kind !== gone)
          .map((line) => line.text)
          .join("\n");
      assert.equal(side("added"), plain(before));
      assert.equal(side("removed"), plain(after));
    }),
  );
});

test("texts that have nothing in common are replaced, in little time", () => {
  const many = (mark: string) => Array.from({ length: 8_000 }, (_, line) => `${mark}${line}`).join("\n");
  const begun = performance.now();
  const lines = diffLines(many("a"), many("b"));
  assert.equal(lines.length, 16_000);
  assert.ok(performance.now() - begun < 5_000);
});

test("far from a change, equal lines are folded", () => {
  const before = Array.from({ length: 20 }, (_, line) => `line ${line}`).join("\n");
  const folded = foldDiff(diffLines(before, before.replace("line 10", "new")));
  assert.deepEqual(
    folded.map((line) => (line.kind === "gap" ? line.lines : line.kind)),
    [7, "same", "same", "same", "removed", "added", "same", "same", "same", 6],
  );
});
