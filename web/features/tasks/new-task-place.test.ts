import assert from "node:assert/strict";
import { test } from "node:test";
import { placeOf } from "./new-task-place.ts";

const id = "0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";

test("a task is begun in the project of the board, or with the squad of the page; elsewhere in neither", () => {
  assert.deepEqual(placeOf(`/projects/${id}`), { projectId: id });
  assert.deepEqual(placeOf(`/squads/${id}`), { squadId: id });
  for (const path of ["/", "/projects", "/squads/new", `/executions/${id}`, `/projects/${id}/more`])
    assert.deepEqual(placeOf(path), {});
});
