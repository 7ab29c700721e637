import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemoryRuntime } from "../../../test/support/agents/memory-runtime.ts";
import { reply } from "../../../test/support/agents/scripted-squad.ts";
import { runParallel } from "./parallel.ts";

test("all members but the lead work at once, the lead merges", async () => {
  let running = 0;
  let most = 0;
  const runtime = createMemoryRuntime({
    process: "parallel",
    members: [{ name: "Lea", isLead: true }, { name: "Ada" }, { name: "Bob" }, { name: "Cy" }],
    model: async ({ step }) => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return reply(`Result of ${step.key}`);
    },
  });
  const outcome = await runParallel(runtime);
  assert.deepEqual(outcome, { outcome: "completed", resultMessageId: "message-summary-turn-1" });
  assert.equal(most, 3);
  assert.equal(runtime.modelCalls.length, 4);
  const merge = String(runtime.requests.at(-1)?.request.messages.at(-1)?.content);
  for (const key of ["work/1", "work/2", "work/3"]) assert.ok(merge.includes(`Result of ${key}`));
});

test("a lead alone does the task and nothing is merged", async () => {
  const runtime = createMemoryRuntime({
    process: "parallel",
    members: [{ name: "Lea", isLead: true }],
    model: async () => reply("done"),
  });
  assert.deepEqual(await runParallel(runtime), { outcome: "completed", resultMessageId: "message-work/1-turn-1" });
  assert.equal(runtime.modelCalls.length, 1);
});

test("approval given once is not asked for again when the first step is done", async () => {
  const options = {
    process: "parallel" as const,
    requireApproval: true,
    members: [{ name: "Lea", isLead: true }, { name: "Ada" }],
    model: async () => reply("done"),
    approve: true,
  };
  const first = createMemoryRuntime(options);
  assert.equal((await runParallel(first)).outcome, "completed");
  const again = createMemoryRuntime({ ...options, approve: null, journal: first.journal });
  assert.equal((await runParallel(again)).outcome, "completed");
  assert.deepEqual(again.modelCalls, []);
});
