import assert from "node:assert/strict";
import { test } from "node:test";
import { uuidv7 } from "#db";
import { deterministicId } from "./call-model.ts";

test("an id is the same on every replay, another for anything else, and lies beside its execution's in an index", () => {
  const executionId = uuidv7();
  const id = deterministicId(executionId, "step", "plan");
  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(id, deterministicId(executionId, "step", "plan"));
  assert.equal(id.slice(0, 13), executionId.slice(0, 13), "it begins with the same time");
  // The last digit alone differs: an execution of the same millisecond.
  const neighbour = `${executionId.slice(0, -1)}${executionId.endsWith("0") ? "1" : "0"}`;
  const others = [
    deterministicId(executionId, "step", "summary"),
    deterministicId(executionId, "step", "plan", 1),
    deterministicId(neighbour, "step", "plan"),
  ];
  assert.equal(new Set([id, ...others]).size, 4);
});
