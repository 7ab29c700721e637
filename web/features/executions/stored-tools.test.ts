import assert from "node:assert/strict";
import { test } from "node:test";
import type { ToolCallListItem } from "#contracts";
import type { LiveMessage } from "./apply-events.ts";
import { withStoredTools } from "./stored-tools.ts";

const tool = (id: string, name: string) => ({ id, name, arguments: "{}", state: null, summary: null });

test("stored calls are found by message and place; those never made stay as they were asked for", () => {
  const message = { id: "m2", tools: [tool("call_a", "read_file"), tool("call_b", "read_file"), tool("call_c", "x")] };
  const stored = (id: string, messageId: string, ordinal: number, result: string | null) => ({
    id,
    messageId,
    ordinal,
    tool: "read_file",
    arguments: '{"path":"a"}',
    state: result === null ? "started" : "done",
    result,
  });
  const calls = [stored("t1", "m1", 1, "wrong"), stored("t3", "m2", 2, "second"), stored("t2", "m2", 1, null)];
  const shown = withStoredTools(message as unknown as LiveMessage, calls as unknown as ToolCallListItem[]);
  assert.deepEqual(
    shown.map(({ id, state, summary }) => [id, state, summary]),
    [
      ["t2", "started", null],
      ["t3", "done", "second"],
      ["call_c", null, null],
    ],
  );
});
