import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { readConfig } from "#config";
import { acceptExecution, listLlmCalls, readExecution } from "#domain";
import { type Core, composeCore } from "#main";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { insertTask } from "../support/executions.ts";
import { type ScriptedAnswer, startOpenAiServer, type WireServer } from "../support/llm/index.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

// An execution whose history outgrows its model's window (gpt-4: 8,192 tokens): it goes on, and says on each call what
// was left out.

interface Body {
  messages: { role: string; content: string | null }[];
  tools?: unknown[];
}

const turns = 7;
/** Writes one long file after another; each stands in the history as the arguments of its call. */
function script(body: Body, requestIndex: number): ScriptedAnswer {
  if ((body.tools?.length ?? 0) === 0 || requestIndex >= turns) return { text: "All files are written." };
  const content = `File ${requestIndex}: ${"some words of it ".repeat(330)}`;
  return {
    text: `File ${requestIndex} comes.`,
    toolCalls: [{ name: "write_file", arguments: JSON.stringify({ path: `file-${requestIndex}.md`, content }) }],
  };
}

let database: TestDatabase;
let server: WireServer;
let core: Core;
const folder = temporaryFolder();

before(async () => {
  database = await createTestDatabase();
  server = await startOpenAiServer({ script: script as never });
  core = await composeCore(
    readConfig({
      MUSTER_DATA_DIR: folder.path,
      DATABASE_URL: database.url,
      LOG_LEVEL: "fatal",
      OPENAI_BASE_URL: server.url,
      OPENAI_API_KEY: "secret-test-key",
    }),
    { role: "cli" },
  );
});
after(async () => {
  await core.close();
  await server.close();
  await database.drop();
  await folder.remove();
});

test("the oldest turns are left out, the task stays, and each call's row says what was dropped", async () => {
  const task = await insertTask(database.db, { model: "gpt-4", members: 1, process: "sequential" });
  await database.db.query("t_title", "UPDATE tasks SET title = 'Write seven long files' WHERE id = $1", [task.taskId]);
  await database.db.query("t_tools", "UPDATE squad_members SET tools = '{write_file}' WHERE squad_id = $1", [
    task.squadId,
  ]);
  const worker = await core.startWorker();
  const accepted = await acceptExecution(core.db, { userId: task.userId }, { taskId: task.taskId });
  assert.ok(accepted.outcome === "accepted");
  const { id } = accepted.execution;
  await new Promise<void>((resolve, reject) => {
    core.hub.subscribe(id, 0, { onEvents: () => undefined, onEnd: resolve, onError: reject });
    worker.wake();
  });
  const execution = await readExecution(core.db, { userId: task.userId }, id);
  assert.equal(execution?.status, "completed", execution?.error ?? "");
  const calls = (await listLlmCalls(core.db, { userId: task.userId }, id, {}))?.data ?? [];
  const trimmed = calls.filter((call) => call.trimmed !== null);
  assert.ok(trimmed.length >= 2, JSON.stringify(calls.map((call) => call.trimmed)));
  assert.ok(
    trimmed.every((call) => (call.trimmed?.droppedMessages ?? 0) >= 2 && (call.trimmed?.droppedTokens ?? 0) > 500),
  );
  assert.ok(
    calls.some((call) => call.trimmed === null),
    "the first calls fit",
  );
  const bodies = server.requests.map((request) => request.body as Body);
  const short = bodies.filter((body) =>
    body.messages.some(({ content }) => /earlier messages of this/.test(content ?? "")),
  );
  assert.equal(short.length, trimmed.length);
  for (const body of short) {
    assert.ok(body.messages.some(({ role, content }) => role === "user" && /seven long files/.test(content ?? "")));
    assert.equal(body.messages[0]?.role, "system");
  }
  await worker.stop(0);
});
