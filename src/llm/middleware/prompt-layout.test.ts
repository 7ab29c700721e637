import assert from "node:assert/strict";
import { test } from "node:test";
import type { LlmMessage, LlmTool } from "#llm";
import { fixtureGateway, testAccount, testCall } from "../../../test/support/llm/gateway-fixture.ts";
import { startAnthropicServer, startOpenAiServer } from "../../../test/support/llm/index.ts";

const tool = (name: string): LlmTool => ({
  name,
  description: `Does ${name}. ${"More of it. ".repeat(60)}`,
  parameters: { type: "object" },
});
const system: LlmMessage = { role: "system", content: "You are the reviewer of this squad. ".repeat(150) };
const task: LlmMessage = { role: "user", content: "Review the report." };

/** A conversation of `turns` tool rounds. */
function history(turns: number): LlmMessage[] {
  const messages: LlmMessage[] = [system, task];
  for (let turn = 0; turn < turns; turn += 1) {
    messages.push(
      {
        role: "assistant",
        content: "",
        toolCalls: [{ id: `call_${turn}`, name: "read", arguments: `{"page":${turn}}` }],
      },
      { role: "tool", toolCallId: `call_${turn}`, content: `Page ${turn}: ${"text ".repeat(50)}` },
    );
  }
  return messages;
}

test("the prefix is byte for byte the same over the calls of one execution, and the provider's cache hits", async () => {
  const server = await startAnthropicServer();
  const { gateway } = fixtureGateway([testAccount("anthropic", server.url)]);
  const prefixes: string[] = [];
  const reads: number[] = [];
  for (let turn = 0; turn < 5; turn += 1) {
    // The caller's order of tools changes, as sets and maps would.
    const tools = turn % 2 === 0 ? [tool("read"), tool("list")] : [tool("list"), tool("read")];
    const call = testCall(
      { model: "claude-sonnet-4-5", messages: history(turn), tools },
      { executionId: "execution-1", cache: "off" },
    );
    const reply = await gateway.complete(call);
    reads.push(reply.usage.cacheReadTokens);
    const text = server.requests.at(-1)?.bodyText as string;
    prefixes.push(text.slice(text.indexOf('"system"'), text.indexOf('"messages"')));
  }
  assert.equal(new Set(prefixes).size, 1);
  assert.match(prefixes[0] as string, /cache_control/);
  assert.equal(reads[0], 0);
  for (const read of reads.slice(1)) assert.ok(read > 1000, `read ${read}`);
  await gateway.close();
  await server.close();
});

test("system messages come first and once; short prompts are not marked for caching", async () => {
  const server = await startAnthropicServer();
  const { gateway } = fixtureGateway([testAccount("anthropic", server.url)]);
  const brief: LlmMessage = { role: "system", content: "Be brief." };
  await gateway.complete(
    testCall({ model: "claude-x", messages: [brief, task, brief] }, { executionId: "execution-1" }),
  );
  const body = server.requests[0]!.body as { system: unknown };
  assert.deepEqual(body.system, [{ type: "text", text: "Be brief." }]);
  await gateway.close();
  await server.close();
});

test("a history that outgrows the window loses its oldest turns, never system, task or the last turn, and says so", async () => {
  const server = await startOpenAiServer();
  // gpt-4 has a window of 8,192 tokens.
  const { gateway } = fixtureGateway([testAccount("openai", server.url)]);
  const messages = history(120);
  const reply = await gateway.complete(testCall({ model: "gpt-4", messages, maxOutputTokens: 500 }));
  const sent = (
    server.requests[0]!.body as {
      messages: { role: string; content: string; tool_call_id?: string; tool_calls?: { id: string }[] }[];
    }
  ).messages;
  assert.equal(sent[0]?.content, system.content);
  assert.equal(sent[1]?.content, task.content);
  assert.match(sent[2]?.content ?? "", /^\[\d+ earlier messages/);
  assert.equal(sent.at(-1)?.content, messages.at(-1)?.content);
  assert.equal(reply.trimmed?.droppedMessages, messages.length - (sent.length - 1));
  assert.ok((reply.trimmed?.droppedTokens ?? 0) > 1000);
  // Every result still follows its call.
  for (const [index, message] of sent.entries()) {
    if (message.role === "tool") assert.equal(message.tool_call_id, sent[index - 1]?.tool_calls?.[0]?.id);
  }
  await gateway.close();
  await server.close();
});

test("at the window's edge a result that stands twice is sent once, before any turn is dropped", async () => {
  const server = await startOpenAiServer();
  const { gateway } = fixtureGateway([testAccount("openai", server.url)]);
  const messages: LlmMessage[] = [task];
  for (let turn = 0; turn < 6; turn += 1) {
    messages.push(
      { role: "assistant", content: "", toolCalls: [{ id: `call_${turn}`, name: "read", arguments: "{}" }] },
      {
        role: "tool",
        toolCallId: `call_${turn}`,
        content: turn % 2 === 0 ? "the same page ".repeat(1000) : `Page ${turn}`,
      },
    );
  }
  const reply = await gateway.complete(testCall({ model: "gpt-4", messages, maxOutputTokens: 500 }));
  const sent = (server.requests[0]!.body as { messages: { role: string; content: string }[] }).messages;
  assert.equal(sent.length, messages.length);
  const results = sent.filter((message) => message.role === "tool").map((message) => message.content);
  assert.deepEqual(
    results.map((content) => content.length > 1000),
    [false, false, false, false, true, false],
  );
  assert.match(results[0] as string, /same result stands further down/);
  assert.equal(reply.trimmed?.droppedMessages, 2);
  assert.ok((reply.trimmed?.droppedTokens ?? 0) > 3000);
  await gateway.close();
  await server.close();
});

test("a prompt that cannot fit is refused before it costs anything", async () => {
  const server = await startOpenAiServer();
  const { gateway } = fixtureGateway([testAccount("openai", server.url)]);
  const messages: LlmMessage[] = [{ role: "user", content: "word ".repeat(20_000) }];
  await assert.rejects(gateway.complete(testCall({ model: "gpt-4", messages })), { kind: "context_too_long" });
  assert.equal(server.requests.length, 0);
  await gateway.close();
  await server.close();
});

test("a prompt that fits is sent as it is", async () => {
  const server = await startOpenAiServer();
  const { gateway } = fixtureGateway([testAccount("openai", server.url)]);
  const reply = await gateway.complete(testCall({ model: "gpt-4o", messages: history(20), tools: [tool("read")] }));
  assert.equal(reply.trimmed, null);
  assert.equal((server.requests[0]!.body as { messages: unknown[] }).messages.length, 42);
  await gateway.close();
  await server.close();
});
