import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createMemoryRuntime, type MemoryRuntimeOptions } from "../../../test/support/agents/memory-runtime.ts";
import { reply, toolCall } from "../../../test/support/agents/scripted-squad.ts";
import { ExecutionStopped } from "../types.ts";
import { openWorkspace } from "../workspace.ts";
import { runSequential } from "./sequential.ts";

let root = "";
before(async () => {
  root = await mkdtemp(join(tmpdir(), "muster-loop-"));
  await writeFile(join(root, "notes.md"), "one\ntwo\n");
});
after(() => rm(root, { recursive: true }));

function solo(options: Partial<MemoryRuntimeOptions> & Pick<MemoryRuntimeOptions, "model">) {
  const members = [{ name: "Ada", tools: ["read_file", "list_files"] }];
  return createMemoryRuntime({ process: "sequential", members, workspace: openWorkspace(root), ...options });
}

test("tool results come back to the model, in the order of its calls, until it answers", async () => {
  const runtime = solo({
    model: async ({ key, request }) => {
      if (key === "turn-1") {
        return reply("Let me look.", [
          toolCall("list_files", {}, "x"),
          toolCall("read_file", { path: "notes.md" }, "y"),
        ]);
      }
      const tools = request.messages.filter((message) => message.role === "tool");
      return reply(tools.map((message) => `${message.toolCallId}: ${message.content}`).join("\n"));
    },
  });
  const outcome = await runSequential(runtime);
  assert.equal(outcome.outcome, "completed");
  assert.deepEqual(runtime.modelCalls, ["work/1: turn-1", "work/1: turn-2"]);
  assert.deepEqual(runtime.toolCalls, ["work/1: turn-1/tool-1", "work/1: turn-1/tool-2"]);
  assert.equal(runtime.steps()[0]?.output, "x: notes.md (8 bytes)\ny: notes.md: lines 1-2 of 2\n1| one\n2| two");
});

test("a tool the member does not have is not run, and the member is told which it has", async () => {
  const runtime = solo({
    model: async ({ key, request }) =>
      key === "turn-1"
        ? reply("", [toolCall("write_file", { path: "x", content: "y" })])
        : reply(String(request.messages.at(-1)?.content)),
  });
  await runSequential(runtime);
  assert.equal(runtime.steps()[0]?.output, 'You have no tool "write_file". Yours are: list_files, read_file.');
  assert.deepEqual(runtime.toolCalls, []);
});

test("the same call with the same result three times pauses; after a resume the member is told and goes on", async () => {
  const model: MemoryRuntimeOptions["model"] = async ({ key, request }) => {
    const last = request.messages.at(-1)?.content ?? "";
    if (last.includes("Do something else")) return reply(`Answered at ${key}`);
    // The same arguments, written in two ways.
    const args = key === "turn-2" ? '{"startLine":1,"path":"notes.md"}' : '{"path": "notes.md", "startLine": 1}';
    return reply("", [toolCall("read_file", args)]);
  };
  const paused = solo({ model });
  await assert.rejects(runSequential(paused), ExecutionStopped);
  const pause = paused.journal.at(-1);
  assert.ok(pause?.type === "pause");
  assert.match(pause.reason, /^Ada made the same call of read_file three times with the same result/);
  assert.equal(paused.modelCalls.length, 3);

  const resumed = solo({ model, journal: paused.journal });
  assert.equal((await runSequential(resumed)).outcome, "completed");
  assert.deepEqual(resumed.modelCalls, ["work/1: turn-4"]);
  assert.equal(resumed.steps()[0]?.output, "Answered at turn-4");
});

test("the same call with another result each time is no loop", async () => {
  const runtime = solo({
    model: async ({ key }) => {
      const turn = Number(key.slice("turn-".length));
      await writeFile(join(root, "counter.md"), `${turn}\n`);
      return turn <= 5 ? reply("", [toolCall("read_file", { path: "counter.md" })]) : reply("done");
    },
  });
  assert.equal((await runSequential(runtime)).outcome, "completed");
});

test("a member that never stops calling tools must answer in the end", async () => {
  const runtime = solo({
    model: async ({ key, request }) =>
      request.toolChoice === "none"
        ? reply(`Forced at ${key}`)
        : reply("", [toolCall("read_file", { path: "notes.md", startLine: Number(key.slice("turn-".length)) })]),
  });
  assert.equal((await runSequential(runtime)).outcome, "completed");
  assert.equal(runtime.steps()[0]?.output, "Forced at turn-12");
  const last = runtime.requests.at(-1)?.request;
  assert.match(String(last?.messages.at(-1)?.content), /Answer now with what you have/);
  assert.equal(last?.tools?.length, 2);
});

test("at most sixteen tool calls of one turn are run", async () => {
  const runtime = solo({
    model: async ({ key, request }) =>
      key === "turn-1"
        ? reply(
            "",
            Array.from({ length: 18 }, (_, index) =>
              toolCall("read_file", { path: "notes.md", startLine: index + 1 }, `c${index}`),
            ),
          )
        : reply(String(request.messages.filter((message) => message.content.startsWith("Not run:")).length)),
  });
  await runSequential(runtime);
  assert.equal(runtime.steps()[0]?.output, "2");
  assert.equal(runtime.toolCalls.length, 16);
});

test("broken tool arguments come back as an error the model can put right", async () => {
  const runtime = solo({
    model: async ({ key, request }) =>
      key === "turn-1" ? reply("", [toolCall("read_file", "{path:")]) : reply(String(request.messages.at(-1)?.content)),
  });
  await runSequential(runtime);
  assert.match(runtime.steps()[0]?.output ?? "", /arguments of read_file are not valid JSON/);
});

test("an answer cut by the output limit is handed on and said to be cut", async () => {
  const runtime = createMemoryRuntime({
    process: "sequential",
    members: [{ name: "Ada" }, { name: "Bob" }],
    model: async ({ step, request }) =>
      step.key === "work/1"
        ? { text: "half a sent", toolCalls: [], finishReason: "length" }
        : reply(String(request.messages.at(-1)?.content)),
  });
  await runSequential(runtime);
  assert.match(
    runtime.steps()[1]?.output ?? "",
    /half a sent\n\[This result ends here because its model reached its output limit\.\]/,
  );
});

test("members in sequence see what the one before handed over, not more", async () => {
  const runtime = createMemoryRuntime({
    process: "sequential",
    members: [{ name: "Ada" }, { name: "Bob" }, { name: "Cy" }],
    model: async ({ step }) => reply(`Text of ${step.key}`),
  });
  const outcome = await runSequential(runtime);
  assert.deepEqual(outcome, { outcome: "completed", resultMessageId: "message-work/3-turn-1" });
  const third = String(runtime.requests[2]?.request.messages.at(-1)?.content);
  assert.ok(third.includes("Text of work/2") && !third.includes("Text of work/1"));
});
