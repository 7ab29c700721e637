import assert from "node:assert/strict";
import { test } from "node:test";
import type { TaskListItem } from "#contracts";
import { positionAt, tasksByStatus } from "./board-order.ts";

const task = (id: string, position: number, status = "pending") =>
  ({ id, position, status }) as unknown as TaskListItem;
const [a, b, c] = [task("a", 1), task("b", 2), task("c", 3)];

/** The order of ids after `moved` was dropped on `over`. */
function orderAfter(column: TaskListItem[], moved: TaskListItem, over: TaskListItem | null): string {
  const position = positionAt(column, moved, over);
  const next = [...column.filter((one) => one.id !== moved.id), { ...moved, position }];
  return tasksByStatus(next.map((one) => ({ ...one, status: "pending" })))
    .pending.map(({ id }) => id)
    .join("");
}

test("a task lands where the drag shows it", () => {
  assert.equal(orderAfter([a, b, c], a, c), "bca");
  assert.equal(orderAfter([a, b, c], a, b), "bac");
  assert.equal(orderAfter([a, b, c], c, a), "cab");
  assert.equal(orderAfter([a, b, c], c, b), "acb");
});

test("from another column it comes before what it is dropped on, or last", () => {
  const other = task("x", 9, "failed");
  assert.equal(orderAfter([a, b], other, b), "axb");
  assert.equal(orderAfter([a, b], other, a), "xab");
  assert.equal(orderAfter([a, b], other, null), "abx");
  assert.equal(orderAfter([], other, null), "x");
});
