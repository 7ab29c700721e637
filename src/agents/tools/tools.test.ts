import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Workspace } from "../types.ts";
import { openWorkspace } from "../workspace.ts";
import { allTools, findTool, toolsFor } from "./registry.ts";
import { runTool } from "./run-tool.ts";

let root = "";
let workspace: Workspace;
before(async () => {
  root = await mkdtemp(join(tmpdir(), "muster-tools-"));
  workspace = openWorkspace(root);
  await workspace.write(
    "attachments/long.md",
    Array.from({ length: 1_200 }, (_, index) => `line ${index + 1}`).join("\n"),
  );
});
after(() => rm(root, { recursive: true }));

function run(name: string, args: unknown, signal = new AbortController().signal) {
  const tool = findTool(name);
  assert.ok(tool !== null);
  return runTool(tool, typeof args === "string" ? args : JSON.stringify(args), { workspace, signal });
}

test("the registry knows each tool by its name and class, and gives them in its own order", () => {
  assert.deepEqual(
    allTools.map((tool) => [tool.name, tool.class]),
    [
      ["list_files", "pure"],
      ["read_file", "pure"],
      ["search_files", "pure"],
      ["write_file", "idempotent"],
      ["edit_file", "unsafe"],
    ],
  );
  assert.deepEqual(
    toolsFor(["write_file", "unknown", "list_files"]).map((tool) => tool.name),
    ["list_files", "write_file"],
  );
  assert.equal(findTool("unknown"), null);
});

test("a tool's schema is plain JSON Schema, as models are told it", () => {
  for (const tool of allTools) {
    const schema: unknown = JSON.parse(JSON.stringify(tool.parameters));
    assert.deepEqual(
      Object.keys(schema as object).sort(),
      Object.keys(schema as object).includes("required")
        ? ["additionalProperties", "properties", "required", "type"]
        : ["additionalProperties", "properties", "type"],
    );
  }
});

test("files are written, edited, listed, read and found", async () => {
  assert.deepEqual(await run("write_file", { path: "out/report.md", content: "# Report\n\nold\n" }), {
    state: "done",
    content: "Wrote out/report.md (14 bytes).",
  });
  assert.deepEqual(await run("edit_file", { path: "out/report.md", oldText: "old", newText: "new" }), {
    state: "done",
    content: "Replaced the passage in out/report.md (now 14 bytes).",
  });
  assert.deepEqual(await run("read_file", { path: "out/report.md" }), {
    state: "done",
    content: "out/report.md: lines 1-3 of 3\n1| # Report\n2| \n3| new",
  });
  assert.match(
    (await run("list_files", "")).content,
    /^attachments\/long\.md \(\d+ bytes\)\nout\/report\.md \(14 bytes\)$/,
  );
  assert.deepEqual(await run("search_files", { pattern: "NEW" }), { state: "done", content: "out/report.md:3: new" });
  assert.equal((await run("search_files", { pattern: "nowhere" })).content, 'No line contains "nowhere".');
});

test("long files come in parts that say where to read on", async () => {
  const first = (await run("read_file", { path: "attachments/long.md" })).content;
  assert.ok(first.startsWith("attachments/long.md: lines 1-500 of 1200; read on with startLine 501\n1| line 1\n"));
  const last = (await run("read_file", { path: "attachments/long.md", startLine: 1_199 })).content;
  assert.equal(last, "attachments/long.md: lines 1199-1200 of 1200\n1199| line 1199\n1200| line 1200");
  assert.equal(
    (await run("read_file", { path: "attachments/long.md", startLine: 2_000 })).content,
    "attachments/long.md has only 1200 lines.",
  );
});

test("one huge line is cut, and no answer grows without bound", async () => {
  await workspace.write("min.js", `${"x".repeat(100_000)}\n`.repeat(15));
  const { content } = await run("read_file", { path: "min.js" });
  assert.ok(content.length < 30_000);
  assert.ok(content.includes("[line cut]"));
});

test("what a model can put right comes back as a failed answer that says how", async () => {
  const cases: [string, unknown, RegExp][] = [
    ["read_file", "{", /arguments of read_file are not valid JSON/],
    ["read_file", "[]", /do not fit its schema.*must be object/],
    ["read_file", {}, /required properties path/],
    ["read_file", { path: "a", colour: "red" }, /additional/],
    ["read_file", { path: "a", startLine: 0 }, /startLine: must be >= 1/],
    ["read_file", { path: "../x" }, /leaves its folder/],
    ["read_file", { path: "none.md" }, /There is no "none.md"/],
    ["write_file", { path: "attachments/long.md", content: "" }, /are the user's input/],
    ["write_file", { path: "./attachments//x", content: "" }, /are the user's input/],
    ["edit_file", { path: "attachments/long.md", oldText: "line 7\n", newText: "" }, /are the user's input/],
    ["edit_file", { path: "none.md", oldText: "x", newText: "" }, /There is no "none.md"/],
  ];
  for (const [name, args, expected] of cases) {
    const answer = await run(name, args);
    assert.equal(answer.state, "failed", JSON.stringify(args));
    assert.match(answer.content, expected);
  }
});

test("a stopped execution starts no tool", async () => {
  await assert.rejects(
    run("write_file", { path: "late.md", content: "x" }, AbortSignal.abort(new Error("stopped"))),
    /stopped/,
  );
  assert.ok(!(await workspace.list()).some((entry) => entry.path === "late.md"));
});
