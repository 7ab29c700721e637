import assert from "node:assert/strict";
import { test } from "node:test";
import { fixtureGateway, testAccount, testCall } from "../../../test/support/llm/gateway-fixture.ts";
import { startOpenAiServer, startResponsesServer } from "../../../test/support/llm/index.ts";
import type { LlmMessage } from "../types.ts";

const messages: LlmMessage[] = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "Weather?" },
  { role: "assistant", content: "I look.", toolCalls: [{ id: "call_1", name: "get_weather", arguments: "{}" }] },
  { role: "tool", toolCallId: "call_1", content: "Sunny" },
];
const tools = [{ name: "get_weather", description: "The weather", parameters: { type: "object", properties: {} } }];

for (const stream of [true, false]) {
  test(`a conversation with tools ${stream ? "streamed" : "whole"}: sent in the format's items, read with reasoning and usage`, async () => {
    const server = await startResponsesServer({
      script: {
        reasoning: "Hm, so",
        text: "It is sunny.",
        toolCalls: [{ id: "call_2", name: "get_weather", arguments: '{"place":"Zürich"}' }],
        usage: { inputTokens: 100, cachedTokens: 64, outputTokens: 30, reasoningTokens: 12 },
      },
    });
    const { gateway, records } = fixtureGateway([testAccount("openai", server.url)]);
    const reply = await gateway.complete(
      testCall(
        { model: "gpt-5-codex", messages, tools, toolChoice: { name: "get_weather" }, maxOutputTokens: 40 },
        { stream },
      ),
    );
    assert.equal(reply.text, "It is sunny.");
    assert.equal(reply.reasoning, "Hm, so");
    assert.deepEqual(reply.toolCalls, [{ id: "call_2", name: "get_weather", arguments: '{"place":"Zürich"}' }]);
    assert.equal(reply.finishReason, "tool_calls");
    assert.deepEqual(reply.usage, {
      inputTokens: 100,
      cacheReadTokens: 64,
      cacheWriteTokens: 0,
      outputTokens: 30,
      reasoningTokens: 12,
      estimated: false,
    });
    assert.ok((records[0]?.costNanoUsd ?? 0) > 0);
    const body = server.requests[0]?.body as Record<string, unknown>;
    assert.deepEqual(body.input, [
      { role: "system", content: "Be brief." },
      { role: "user", content: "Weather?" },
      { role: "assistant", content: "I look." },
      { type: "function_call", call_id: "call_1", name: "get_weather", arguments: "{}" },
      { type: "function_call_output", call_id: "call_1", output: "Sunny" },
    ]);
    assert.deepEqual(body.tool_choice, { type: "function", name: "get_weather" });
    assert.equal(body.store, false);
    assert.equal(body.max_output_tokens, 40);
    await gateway.close();
    await server.close();
  });
}

test("chosen by the model or the account; what the format cannot say is refused, not dropped", async () => {
  const responses = await startResponsesServer();
  const chat = await startOpenAiServer();
  const { gateway } = fixtureGateway([
    testAccount("openai", responses.url, { wire: "responses", models: ["gpt-5"] }),
    testAccount("openai", chat.url),
  ]);
  const schema = { type: "json_schema", name: "plan", schema: { type: "object" } } as const;
  await gateway.complete(testCall({ model: "gpt-5", responseFormat: schema }));
  assert.deepEqual((responses.requests[0]?.body as { text?: unknown } | undefined)?.text, {
    format: { type: "json_schema", name: "plan", schema: { type: "object" }, strict: true },
  });
  await gateway.complete(testCall({ model: "gpt-4o-mini" }));
  assert.equal(chat.requests[0]?.path, "/v1/chat/completions");
  await assert.rejects(gateway.complete(testCall({ model: "gpt-5", stop: ["END"] })), { kind: "bad_request" });
  assert.equal(responses.requests.length, 1);
  await gateway.close();
  await responses.close();
  await chat.close();
});
