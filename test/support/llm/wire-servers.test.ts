import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { startAnthropicServer, startOpenAiServer, type WireServer } from "./index.ts";

/* The servers are faithful when the providers' own clients, unmodified, get everything out of them. */

const script = {
  text: "It is größer 🎉 today.",
  toolCalls: [{ name: "weather", arguments: '{"city":"Köln"}' }],
};
let openaiServer: WireServer;
let anthropicServer: WireServer;
let openai: OpenAI;
let anthropic: Anthropic;

before(async () => {
  openaiServer = await startOpenAiServer({ apiKey: "key", script, models: ["gpt-x"] });
  anthropicServer = await startAnthropicServer({ apiKey: "key", script, models: ["claude-x"] });
  openai = new OpenAI({ apiKey: "key", baseURL: openaiServer.url, maxRetries: 0 });
  anthropic = new Anthropic({ apiKey: "key", baseURL: anthropicServer.url, maxRetries: 0 });
});
after(async () => {
  await openaiServer.close();
  await anthropicServer.close();
});

const messages = [{ role: "user" as const, content: "How is the weather?" }];

test("openai client: a completion", async () => {
  const completion = await openai.chat.completions.create({ model: "gpt-x", messages });
  assert.equal(completion.choices[0]?.message.content, script.text);
  const call = completion.choices[0]?.message.tool_calls?.[0];
  assert.ok(call?.type === "function");
  assert.equal(call.function.arguments, script.toolCalls[0]?.arguments);
  assert.equal(completion.usage?.completion_tokens, openaiServer.ledger.at(-1)?.outputTokens);
});

test("openai client: a stream with tools and usage, collected by the client's own helper", async () => {
  const stream = openai.chat.completions.stream({ model: "gpt-x", messages, stream_options: { include_usage: true } });
  const completion = await stream.finalChatCompletion();
  assert.equal(completion.choices[0]?.message.content, script.text);
  assert.equal(completion.choices[0]?.finish_reason, "tool_calls");
  assert.equal(completion.usage?.completion_tokens, openaiServer.ledger.at(-1)?.outputTokens);
});

test("openai client: embeddings, models, errors", async () => {
  const embeddings = await openai.embeddings.create({ model: "gpt-x", input: ["one", "two"] });
  assert.equal(embeddings.data.length, 2);
  assert.equal(embeddings.data[1]?.embedding.length, 8);
  assert.deepEqual(
    (await openai.models.list()).data.map((model) => model.id),
    ["gpt-x"],
  );
  await assert.rejects(openai.chat.completions.create({ model: "no", messages }), OpenAI.NotFoundError);
  const stranger = new OpenAI({ apiKey: "wrong", baseURL: openaiServer.url, maxRetries: 0 });
  await assert.rejects(stranger.chat.completions.create({ model: "gpt-x", messages }), OpenAI.AuthenticationError);
});

test("openai client: a batch from upload to results", async () => {
  const line = { custom_id: "a", method: "POST", url: "/v1/chat/completions", body: { model: "gpt-x", messages } };
  const file = await openai.files.create({
    file: new File([`${JSON.stringify(line)}\n`], "batch.jsonl"),
    purpose: "batch",
  });
  const batch = await openai.batches.create({
    input_file_id: file.id,
    endpoint: "/v1/chat/completions",
    completion_window: "24h",
  });
  await openai.batches.retrieve(batch.id);
  const done = await openai.batches.retrieve(batch.id);
  assert.equal(done.status, "completed");
  const results = await (await openai.files.content(done.output_file_id as string)).text();
  assert.equal(JSON.parse(results).custom_id, "a");
});

test("anthropic client: a message", async () => {
  const message = await anthropic.messages.create({ model: "claude-x", max_tokens: 100, messages });
  assert.equal(message.stop_reason, "tool_use");
  assert.deepEqual(
    message.content.map((block) => block.type),
    ["text", "tool_use"],
  );
  assert.equal(message.usage.output_tokens, anthropicServer.ledger.at(-1)?.outputTokens);
});

test("anthropic client: a stream, collected by the client's own helper", async () => {
  const message = await anthropic.messages.stream({ model: "claude-x", max_tokens: 100, messages }).finalMessage();
  const [text, tool] = message.content;
  assert.ok(text?.type === "text" && text.text === script.text);
  assert.ok(tool?.type === "tool_use");
  assert.deepEqual(tool.input, { city: "Köln" });
  assert.equal(message.usage.output_tokens, anthropicServer.ledger.at(-1)?.outputTokens);
});

test("anthropic client: the prompt cache, models, errors, batches", async () => {
  const system = [
    { type: "text" as const, text: "Be brief. ".repeat(500), cache_control: { type: "ephemeral" as const } },
  ];
  const first = await anthropic.messages.create({ model: "claude-x", max_tokens: 100, system, messages });
  const second = await anthropic.messages.create({ model: "claude-x", max_tokens: 100, system, messages });
  assert.ok((first.usage.cache_creation_input_tokens ?? 0) > 1000);
  assert.equal(second.usage.cache_read_input_tokens, first.usage.cache_creation_input_tokens);
  assert.deepEqual(
    (await anthropic.models.list()).data.map((model) => model.id),
    ["claude-x"],
  );
  await assert.rejects(anthropic.messages.create({ model: "no", max_tokens: 1, messages }), Anthropic.NotFoundError);
  const batch = await anthropic.messages.batches.create({
    requests: [{ custom_id: "a", params: { model: "claude-x", max_tokens: 100, messages } }],
  });
  await anthropic.messages.batches.retrieve(batch.id);
  assert.equal((await anthropic.messages.batches.retrieve(batch.id)).processing_status, "ended");
  for await (const line of await anthropic.messages.batches.results(batch.id)) {
    assert.equal(line.custom_id, "a");
    assert.equal(line.result.type, "succeeded");
  }
});

test("both clients see an error event and a cut stream as failures", async () => {
  anthropicServer.setFaults({ kind: "error-event", pieces: 2, type: "overloaded_error", message: "Overloaded" });
  await assert.rejects(
    anthropic.messages.stream({ model: "claude-x", max_tokens: 100, messages }).finalMessage(),
    /Overloaded/,
  );
  anthropicServer.setFaults(null);
  openaiServer.setFaults({ kind: "reset", pieces: 2 });
  await assert.rejects(openai.chat.completions.stream({ model: "gpt-x", messages }).finalChatCompletion());
  openaiServer.setFaults(null);
});
