import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LlmError, type LlmFrame } from "#llm";
import { fixtureGateway, testAccount, testCall } from "../../test/support/llm/gateway-fixture.ts";
import { startAnthropicServer, startOpenAiServer, type WireServer } from "../../test/support/llm/index.ts";

const answer = {
  reasoning: "Let me look.",
  text: "The file says: größer 🎉 done.",
  toolCalls: [
    { name: "read_file", arguments: '{"path":"notes.md"}' },
    { name: "list_files", arguments: "{}" },
  ],
};
const tools = [
  {
    name: "read_file",
    description: "Reads a file",
    parameters: { type: "object", properties: { path: { type: "string" } } },
  },
  { name: "list_files", description: "Lists files", parameters: { type: "object", properties: {} } },
];

let openai: WireServer;
let anthropic: WireServer;
before(async () => {
  openai = await startOpenAiServer({ apiKey: "test-key", script: answer });
  anthropic = await startAnthropicServer({ apiKey: "test-key", script: answer });
});
after(async () => {
  await openai.close();
  await anthropic.close();
});

for (const kind of ["openai", "anthropic"] as const) {
  for (const stream of [true, false]) {
    test(`a call with tools and reasoning over ${kind}, ${stream ? "streamed" : "as JSON"}`, async () => {
      const server = kind === "openai" ? openai : anthropic;
      const { gateway, records, ledger } = fixtureGateway([testAccount(kind, server.url)]);
      const frames: LlmFrame[] = [];
      const call = testCall({ model: `${kind}/test-model`, tools, maxOutputTokens: 500 }, { stream });
      const reply = await gateway.handler(call, (frame) => frames.push(frame));
      assert.equal(reply.text, answer.text);
      assert.equal(reply.reasoning, answer.reasoning);
      assert.deepEqual(
        reply.toolCalls.map(({ name, arguments: text }) => ({ name, arguments: text })),
        answer.toolCalls,
      );
      assert.equal(reply.finishReason, "tool_calls");
      const billed = server.ledger.at(-1);
      assert.equal(reply.usage.inputTokens, billed?.inputTokens);
      assert.equal(reply.usage.outputTokens, billed?.outputTokens);
      assert.equal(reply.usage.estimated, false);
      if (stream) {
        const text = frames.map((frame) => (frame.type === "text" ? frame.text : "")).join("");
        assert.equal(text, answer.text);
        const args = frames.filter((frame) => frame.type === "tool-call" && frame.index === 0);
        assert.equal(
          args.map((frame) => (frame.type === "tool-call" ? frame.argumentsDelta : "")).join(""),
          answer.toolCalls[0]?.arguments,
        );
      } else {
        assert.equal(frames.length, 0);
      }
      const body = server.requests.at(-1)?.body as Record<string, unknown>;
      assert.equal(body[kind === "openai" ? "max_completion_tokens" : "max_tokens"], 500);
      assert.equal(body.model, "test-model");
      assert.equal(records.length, 1);
      assert.equal(records[0]?.outcome, "done");
      await gateway.close();
      assert.equal(ledger.usage.length, 1);
    });
  }
}

test("the price of a known model is on the reply, in whole nano-USD", async () => {
  const server = await startOpenAiServer({
    script: { text: "ok", usage: { inputTokens: 1000, cachedTokens: 400, outputTokens: 10 } },
  });
  const { gateway } = fixtureGateway([testAccount("openai", server.url)]);
  const reply = await gateway.complete(testCall({ model: "gpt-4o-mini" }));
  // 600 × 150 + 400 × 75 + 10 × 600 nano-USD.
  assert.equal(reply.costNanoUsd, 126_000);
  const unknown = await gateway.complete(testCall({ model: "test-model" }));
  assert.equal(unknown.costNanoUsd, null);
  await gateway.close();
  await server.close();
});

test("an unknown model is refused with what is configured", async () => {
  const { gateway, records } = fixtureGateway([testAccount("anthropic", anthropic.url)]);
  await assert.rejects(gateway.complete(testCall({ model: "openai/gpt-4o" })), (error: LlmError) => {
    assert.ok(error instanceof LlmError);
    assert.equal(error.kind, "model_unknown");
    assert.match(error.message, /anthropic/);
    return true;
  });
  assert.equal(records.length, 0);
  await gateway.close();
});

test("cancelling closes the provider's socket and is settled", async () => {
  const server = await startOpenAiServer({ script: { text: "word ".repeat(200) }, pieceDelayMs: 5 });
  const { gateway, records } = fixtureGateway([testAccount("openai", server.url)]);
  const controller = new AbortController();
  const call = testCall({}, { signal: controller.signal });
  let seen = 0;
  const pending = gateway.handler(call, () => {
    seen += 1;
    if (seen === 3) controller.abort();
  });
  await assert.rejects(pending, (error: LlmError) => error.kind === "cancelled");
  await server.billed(1);
  assert.equal(server.requests[0]?.aborted, true);
  assert.equal(server.ledger[0]?.outcome, "cut");
  assert.equal(records[0]?.outcome, "cancelled");
  assert.equal(records[0]?.usage?.estimated, true);
  await gateway.close();
  await server.close();
});

test("models are listed with price and context; a local server is asked for its own", async () => {
  const local = await startOpenAiServer({ models: ["llama-x"] });
  const { gateway } = fixtureGateway([
    testAccount("openai_compatible", local.url, { id: "local" }),
    testAccount("anthropic", "https://api.anthropic.com", { allowPrivateAddress: false }),
    testAccount("openai", "https://api.openai.com/v1", { allowPrivateAddress: false }),
  ]);
  const models = await gateway.models("tenant-1");
  assert.ok(models.some((model) => model.id === "openai_compatible/llama-x" && model.inputNanoUsdPerToken === null));
  const claude = models.find((model) => model.provider === "anthropic");
  assert.ok(claude !== undefined && (claude.inputNanoUsdPerToken ?? 0) > 0 && (claude.contextTokens ?? 0) >= 200_000);
  assert.ok(models.filter((model) => model.provider === "openai").length >= 5);
  await gateway.close();
  await local.close();
});
