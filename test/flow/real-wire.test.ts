import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { readConfig } from "#config";
import { acceptExecution, listMessages, readExecution } from "#domain";
import { type Core, composeCore } from "#main";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { insertTask } from "../support/executions.ts";
import { type ScriptedAnswer, startAnthropicServer, startOpenAiServer, type WireServer } from "../support/llm/index.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const providers = [
  { name: "OpenAI", model: "gpt-4o-mini", start: startOpenAiServer, variables: ["OPENAI_BASE_URL", "OPENAI_API_KEY"] },
  {
    name: "Anthropic",
    model: "claude-3-5-haiku-latest",
    start: startAnthropicServer,
    variables: ["ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY"],
  },
] as const;

const plan = JSON.stringify({
  steps: [
    { key: "facts", title: "Collect the facts", owner: "Member 1", dependsOn: [], doneCriterion: "A file with facts" },
    { key: "check", title: "Check them", owner: "Member 2", dependsOn: ["facts"], doneCriterion: "Checked" },
  ],
});

/** Plans, lets the first worker write a file through a streamed tool call, and answers in words otherwise. */
function script(body: unknown): ScriptedAnswer {
  const text = JSON.stringify(body);
  const { messages = [], tools = [] } = body as { messages?: { role: string }[]; tools?: unknown[] };
  if (text.includes("json_schema")) return { text: plan };
  const answered = messages.some((message) => message.role === "tool") || text.includes("tool_result");
  if (tools.length > 0 && !answered && text.includes("Collect the facts") && !text.includes("Check them")) {
    return {
      text: "I write them down.",
      toolCalls: [
        { name: "write_file", arguments: JSON.stringify({ path: "facts.md", content: "Fact: ünïcode 🙂\n" }) },
      ],
    };
  }
  return { text: `Answer in words, with ünïcode 🙂 and ${messages.length} messages before it.` };
}

for (const provider of providers) {
  describe(`an execution over ${provider.name}'s wire format, chosen by the environment alone`, () => {
    let test: TestDatabase;
    let server: WireServer;
    let core: Core;
    const folder = temporaryFolder();

    before(async () => {
      test = await createTestDatabase();
      server = await provider.start({ apiKey: "secret-test-key", script: script as never });
      const [baseUrl, apiKey] = provider.variables;
      core = await composeCore(
        readConfig({
          MUSTER_DATA_DIR: folder.path,
          DATABASE_URL: test.url,
          LOG_LEVEL: "fatal",
          [baseUrl]: server.url,
          [apiKey]: "secret-test-key",
        }),
        { role: "cli" },
      );
    });
    after(async () => {
      await core.close();
      await server.close();
      await test.drop();
      await folder.remove();
    });

    it("bills what the server counted, to the token, and stores what it said", async () => {
      const task = await insertTask(test.db, { model: provider.model });
      await test.db.query("t_tools", "UPDATE squad_members SET tools = '{write_file,read_file}' WHERE squad_id = $1", [
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
      const billed = server.ledger.reduce(
        (sum, line) => ({ input: sum.input + line.inputTokens, output: sum.output + line.outputTokens }),
        { input: 0, output: 0 },
      );
      assert.equal(execution?.totals.llmCalls, server.ledger.length);
      assert.equal(execution?.totals.inputTokens, billed.input);
      assert.equal(execution?.totals.outputTokens, billed.output);
      assert.ok((execution?.totals.costNanoUsd ?? 0) > 0, "the price of the model is known");
      assert.equal(execution?.totals.costIncomplete, false);
      const messages = await listMessages(core.db, { userId: task.userId }, id, { order: "asc" });
      assert.equal(messages?.data.filter((message) => message.role === "assistant").length, server.ledger.length);
      assert.match(execution?.result?.text ?? "", /^Answer in words, with ünïcode 🙂/);
      assert.equal((await core.workspaces.read(id, "facts.md"))?.toString("utf8"), "Fact: ünïcode 🙂\n");
      await worker.stop(0);
    });
  });
}
