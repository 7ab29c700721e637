import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { ExecutionEvent } from "#contracts";
import { musterCommand, type RunningCommand, startMusterCommand } from "../support/command-line.ts";
import { startOpenAiServer, type WireServer } from "../support/llm/index.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const document = `# Plan

## Storage

The cache key is the prompt alone, so every user shares the answers.

\`\`\`sql
CREATE INDEX idx_orders_user ON orders(user_id);
\`\`\`

## Targets

All requests are answered in 1 ms at any load. The p95 is 200 ms.
`;
const task = "Find the claims in this document that cannot hold in production";

const environmentOf = (folder: string) => ({
  MUSTER_DATA_DIR: join(folder, "data"),
  LOG_LEVEL: "warn",
  DATABASE_POOL_MIN: "1",
});

interface Summary {
  type: "summary";
  executionId: string;
  status: string;
  result: string;
  steps: { status: string; member: string }[];
  llmCalls: number;
  inputTokens: number;
  outputTokens: number;
  costNanoUsd: number | null;
  knownCostNanoUsd: number;
  folder: string;
  files: { path: string; bytes: number }[];
}

function readJsonLines(text: string): { events: ExecutionEvent[]; summary: Summary } {
  const lines = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { type: string });
  const summary = lines.pop();
  assert.equal(summary?.type, "summary", "the last line is the summary");
  return { events: lines as ExecutionEvent[], summary: summary as Summary };
}

function assertContiguous(events: ExecutionEvent[]): void {
  assert.deepEqual(
    events.map((event) => event.seq),
    events.map((_, index) => index + 1),
  );
}

describe("muster run", () => {
  const folder = temporaryFolder();
  const here = environmentOf(folder.path);
  const plan = join(folder.path, "plan.md");
  before(() => writeFileSync(plan, document));
  after(() => folder.remove());

  it("does a task with the offline model: names its passages, shows plan and members, leaves a report", async () => {
    const { code, stdout, stderr } = await musterCommand(["run", task, "--file", plan], here);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^Research desk: Edda \(lead\)/m);
    assert.match(stdout, /^\[\d+:\d\d\] planned \d+ steps:\n {9}· /m);
    assert.match(stdout, /^\[\d+:\d\d\] ▶ Edda Plan the work$/m);
    assert.match(stdout, /^ {2}\S+ │ .*plan\.md:\d+/m, "members speak line by line");
    assert.match(stdout, /^Status {4}completed$/m);
    assert.match(stdout, /^Cost {6}\$0$/m);
    const place = /^Files {5}(.+)$/m.exec(stdout)?.[1] ?? "";
    assert.ok(existsSync(place), place);
    assert.match(stdout, /^ {10}report\.md /m);
    assert.match(readFileSync(join(place, "report.md"), "utf8"), /CREATE INDEX idx_orders_user/);
    assert.ok(!stdout.includes("\u001b"), "no escape sequences outside a terminal");
    assert.equal(stderr, "");
  });

  it("gives one JSON event a line, in order and without a gap, and a summary at the end", async () => {
    const { code, stdout } = await musterCommand(["run", task, "--file", plan, "--json"], here);
    assert.equal(code, 0);
    const { events, summary } = readJsonLines(stdout);
    assertContiguous(events);
    assert.equal(events.at(-1)?.type, "execution-end");
    assert.equal(summary.status, "completed");
    assert.ok(summary.steps.length >= 3);
    assert.ok(summary.steps.every((step) => step.status === "completed"));
    assert.equal(summary.llmCalls, events.filter((event) => event.type === "usage").length);
    assert.equal(summary.costNanoUsd, 0);
    assert.match(summary.result, /plan\.md:\d+/);
    assert.ok(summary.files.some((file) => file.path === "report.md" && file.bytes > 0));
  });

  it("refuses what cannot be run, in one line and before anything is begun", async () => {
    const large = join(folder.path, "large.txt");
    writeFileSync(large, Buffer.alloc(5_242_881, "a"));
    const binary = join(folder.path, "scan.pdf");
    writeFileSync(binary, Buffer.from("%PDF-1.7\u0000\u0001"));
    const id = "01a20a55-d44a-771f-adb8-6ca1d97ccc2a";
    const cases: [string[], RegExp][] = [
      [["run"], /^muster: say what is to be done/],
      [["run", task, "--file", join(folder.path, "none.md")], /^muster: there is no file .*none\.md\n$/],
      [["run", task, "--file", folder.path], /^muster: .* is not a file/],
      [["run", task, "--file", large], /^muster: .*large\.txt has 5\.0 MB; a file may have 5\.0 MB at most/],
      [["run", task, "--file", binary], /^muster: .*scan\.pdf is not a text file: .*convert it/],
      [["run", task, "--budget", "cheap"], /Give US dollars, for example 0\.50/],
      [
        ["run", task, "--squad", "nobody"],
        /^muster: there is no squad and no template "nobody"; choose from code-review/,
      ],
      [["run", "--resume", "7"], /^muster: "7" is not the id of an execution; muster execution list shows them\n$/],
      [["run", "--resume", id], /^muster: there is no execution 01a20a55/],
    ];
    // Two at a time: each is a process, and the machine may be small.
    for (let index = 0; index < cases.length; index += 2) {
      await Promise.all(
        cases.slice(index, index + 2).map(async ([args, message]) => {
          const { code, stdout, stderr } = await musterCommand(args, here);
          assert.equal(code, 2, `${args.join(" ")}: ${stderr}`);
          assert.equal(stdout, "");
          assert.match(stderr, message);
          assert.doesNotMatch(stderr, /^ +at /m, "no stack");
        }),
      );
    }
  });
});

describe("muster run on a provider", () => {
  const folder = temporaryFolder();
  let server: WireServer;
  let environment: Record<string, string>;
  const run = (...args: string[]): RunningCommand => startMusterCommand(["run", ...args], environment);
  const writeNotes = ["Write the notes", "--squad", "release-notes", "--model", "gpt-4o-mini"];

  before(async () => {
    server = await startOpenAiServer({ apiKey: "key", script: { text: "A short answer in words." } });
    environment = { ...environmentOf(folder.path), OPENAI_BASE_URL: server.url, OPENAI_API_KEY: "key" };
  });
  after(async () => {
    await server.close();
    await folder.remove();
  });

  it("goes on with --resume after kill -9: no finished call is paid again", async () => {
    const slow = { text: "word ".repeat(40), delayMs: 60_000 };
    server.setScript((_body: never, index: number) => (index === 1 ? slow : { text: `Answer ${index}.` }));
    const first = run(...writeNotes, "--json");
    await server.received(2);
    const [, id = ""] = await first.untilStdout(/"executionId":"([0-9a-f-]{36})"/);
    // What was shown of the first step is what must be there afterwards.
    await first.untilStdout(/"type":"step-end"/);
    first.child.kill("SIGKILL");
    await first.finished;
    const { code, stdout, stderr } = await run("--resume", id, "--json").finished;
    assert.equal(code, 0, stderr);
    const { events, summary } = readJsonLines(stdout);
    assertContiguous(events);
    const shown = first
      .stdout()
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as unknown);
    assert.deepEqual(events.slice(0, shown.length), shown, "all that was shown is there, unchanged");
    assert.equal(summary.status, "completed");
    const paid = server.ledger.filter((entry) => entry.outcome === "complete");
    assert.equal(paid.length, 3, "one call a member");
    assert.equal(server.requests.length, 4, "only the call in flight was made twice");
    assert.equal(summary.llmCalls, 4, "the lost one is counted");
    assert.equal(summary.costNanoUsd, null, "what the lost call has cost is not known");
    assert.ok(summary.knownCostNanoUsd > 0);
    const again = await run("--resume", id).finished;
    assert.equal(again.code, 0, "what has ended well is only shown");
    assert.match(again.stdout, /^Status {4}completed$/m);
  });

  it("is cancelled by Ctrl-C: closes the provider's socket, keeps what was written, exits with 130", async () => {
    const before = server.requests.length;
    server.setScript({ text: "word ".repeat(400), delayMs: 60_000 });
    const command = run(...writeNotes);
    await server.received(before + 1);
    const startedMs = performance.now();
    command.child.kill("SIGINT");
    const { code, stdout, stderr } = await command.finished;
    assert.equal(code, 130, stderr);
    assert.ok(performance.now() - startedMs < 5_000);
    assert.match(stdout, /^Status {4}cancelled$/m);
    assert.match(stdout, /muster run --resume [0-9a-f-]{36}$/m);
    assert.equal(server.requests[before]?.aborted, true);
  });

  it("hands over on SIGTERM and goes on later", async () => {
    const before = server.requests.length;
    server.setScript({ text: "word ".repeat(400), delayMs: 60_000 });
    const command = run(...writeNotes);
    await server.received(before + 1);
    const [, id = ""] = await command.untilStdout(/execution ([0-9a-f-]{36})$/m);
    command.child.kill("SIGTERM");
    const stopped = await command.finished;
    assert.equal(stopped.code, 143, stopped.stderr);
    assert.match(stopped.stdout, new RegExp(`muster run --resume ${id}`));
    server.setScript({ text: "Done." });
    const { code, stderr } = await run("--resume", id).finished;
    assert.equal(code, 0, stderr);
  });

  it("stops at its budget with 1, and goes on when it is raised", async () => {
    server.setScript({ text: "word ".repeat(20) });
    const poor = await run(...writeNotes, "--budget", "0.000001", "--json").finished;
    assert.equal(poor.code, 1, poor.stderr);
    const { summary } = readJsonLines(poor.stdout);
    assert.equal(summary.status, "budget_exceeded");
    assert.equal(summary.costNanoUsd, 0);
    const rich = await run("--resume", summary.executionId, "--budget", "5", "--json").finished;
    assert.equal(rich.code, 0, rich.stderr);
    assert.equal(readJsonLines(rich.stdout).summary.status, "completed");
  });

  it("says what the provider refused, with 1", async () => {
    const { code, stdout } = await musterCommand(["run", ...writeNotes], { ...environment, OPENAI_API_KEY: "wrong" });
    assert.equal(code, 1);
    assert.match(stdout, /^Status {4}failed$/m);
    assert.match(stdout, /^Reason {4}.*key/m);
  });
});
