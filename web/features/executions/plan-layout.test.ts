import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExecutionStep } from "#contracts";
import { layoutPlan } from "./plan-layout.ts";

const step = (key: string, kind: ExecutionStep["kind"], dependsOn: string[] = []) =>
  ({ id: key, key, kind, title: key, dependsOn, ordinal: 0 }) as unknown as ExecutionStep;

test("a led plan fans out from the plan, in to the review and on to the result", () => {
  const { nodes, edges, lanes } = layoutPlan([
    step("plan", "plan"),
    step("a", "work"),
    step("b", "work"),
    step("review", "review", ["a", "b"]),
    step("result", "summary", ["a", "b"]),
  ]);
  assert.deepEqual(
    nodes.map(({ step: { key }, row, lane }) => [key, row, lane]),
    [
      ["plan", 0, 0],
      ["a", 1, 0],
      ["b", 2, 1],
      ["review", 3, 0],
      ["result", 4, 0],
    ],
  );
  assert.deepEqual(
    edges.map(({ from, to }) => `${from.step.key}>${to.step.key}`),
    ["plan>a", "plan>b", "a>review", "b>review", "review>result"],
  );
  assert.equal(lanes, 2);
});

test("unknown dependencies and circles do not stop the drawing", () => {
  const { nodes } = layoutPlan([
    step("a", "work", ["b", "nowhere"]),
    step("b", "work", ["a"]),
    step("c", "work", ["c"]),
  ]);
  assert.equal(nodes.length, 3);
  assert.deepEqual(layoutPlan([]).nodes, []);
});
