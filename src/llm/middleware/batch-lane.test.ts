import assert from "node:assert/strict";
import { test } from "node:test";
import { fixtureGateway, testAccount, testCall } from "../../../test/support/llm/gateway-fixture.ts";
import { startOpenAiServer } from "../../../test/support/llm/index.ts";

// The economy lane has its own tests beside its code.

test("embeddings that may wait share a request; a bad input fails its own call; equal inputs come from the cache", async () => {
  const server = await startOpenAiServer();
  const { gateway } = fixtureGateway([testAccount("openai", server.url)], { microBatch: { size: 10, waitMs: 30 } });
  const embed = (text: string) =>
    gateway.embed({
      model: "text-embedding-3-small",
      inputs: [text],
      context: testCall({}, { lane: "micro_batch" }).context,
    });
  const replies = await Promise.all(Array.from({ length: 10 }, (_, index) => embed(`text ${index}`)));
  assert.equal(server.requests.length, 1);
  const billed = replies.reduce((sum, reply) => sum + reply.usage.inputTokens, 0);
  assert.equal(billed, server.ledger[0]?.inputTokens);
  assert.equal(new Set(replies.map((reply) => JSON.stringify(reply.vectors[0]))).size, 10);
  const again = await embed("text 3");
  assert.equal(again.cacheResult, "hit");
  assert.deepEqual(again.vectors, replies[3]?.vectors);
  const mixed = await Promise.allSettled([embed("good one"), embed("FAIL"), embed("good two")]);
  assert.deepEqual(
    mixed.map((outcome) => outcome.status),
    ["fulfilled", "rejected", "fulfilled"],
  );
  await gateway.close();
  await server.close();
});

const instruct = "gpt-3.5-turbo-instruct";
const completion = (prompt: string, model = instruct) => ({
  model,
  form: "completion" as const,
  messages: [{ role: "user" as const, content: prompt }],
});

test("prompts of several callers share a request, matched by index; one failure fails one; the bill adds up", async () => {
  const server = await startOpenAiServer();
  const { gateway, ledger, records } = fixtureGateway([testAccount("openai", server.url)], {
    microBatch: { size: 10, waitMs: 40 },
  });
  const ask = (prompt: string, tenantId = "tenant-1") =>
    gateway.complete(testCall(completion(prompt), { lane: "micro_batch", tenantId, stream: false }));
  const replies = await Promise.all(Array.from({ length: 10 }, (_, index) => ask(`prompt ${index}`)));
  assert.deepEqual(
    replies.map((reply) => reply.text),
    replies.map((_, index) => `You said: prompt ${index}`),
  );
  assert.equal(server.requests.length, 1);
  assert.equal((server.requests[0]?.body as { prompt: string[] } | undefined)?.prompt.length, 10);
  const sum = (pick: (usage: (typeof replies)[0]["usage"]) => number) =>
    replies.reduce((total, reply) => total + pick(reply.usage), 0);
  assert.equal(
    sum((usage) => usage.inputTokens),
    server.ledger[0]?.inputTokens,
  );
  assert.equal(
    sum((usage) => usage.outputTokens),
    server.ledger[0]?.outputTokens,
  );
  assert.ok(replies.every((reply) => (reply.costNanoUsd ?? 0) > 0));

  const mixed = await Promise.allSettled([ask("good one"), ask("FAIL"), ask("good two"), ask("good three")]);
  assert.deepEqual(
    mixed.map((outcome) => (outcome.status === "fulfilled" ? outcome.value.text : outcome.reason.kind)),
    ["You said: good one", "bad_request", "You said: good two", "You said: good three"],
  );
  const before = server.requests.length;
  await Promise.all([ask("mine", "tenant-1"), ask("mine", "tenant-2")]);
  assert.equal(server.requests.length, before + 2, "tenants never share a request");
  await gateway.close();
  assert.equal(ledger.usage.length, records.filter((record) => record.outcome === "done").length);
  const billed = ledger.usage.reduce((total, row) => total + (row.usage?.inputTokens ?? 0), 0);
  assert.equal(
    billed,
    server.ledger.reduce((total, line) => total + line.inputTokens, 0),
  );
  await server.close();
});

test("interactive calls never wait for a window, nor do prompts where the account takes no arrays", async () => {
  const server = await startOpenAiServer();
  const { gateway } = fixtureGateway([testAccount("openai", server.url)], { microBatch: { size: 10, waitMs: 60_000 } });
  const collected = gateway.complete(testCall(completion("waits"), { lane: "micro_batch" }));
  collected.catch(() => {});
  const chat = await gateway.complete(testCall());
  assert.equal(chat.text, "You said: Hello");
  const asChat = await gateway.complete(
    testCall(completion("not an instruct model", "test-model"), { lane: "micro_batch" }),
  );
  assert.equal(asChat.text, "You said: not an instruct model");
  const frames: string[] = [];
  const streamed = await gateway.complete(testCall(completion("streams at once")), (frame) => {
    if (frame.type === "text") frames.push(frame.text);
  });
  assert.equal(streamed.text, "You said: streams at once");
  assert.ok(frames.length > 1);
  assert.deepEqual(
    server.requests.map(({ path }) => path),
    ["/v1/chat/completions", "/v1/chat/completions", "/v1/completions"],
  );
  await gateway.close();
  await server.close();
});

test("a caller that leaves does not end the others' request; the last one does", async () => {
  const server = await startOpenAiServer();
  const { gateway } = fixtureGateway([testAccount("openai", server.url)], { microBatch: { size: 2, waitMs: 60_000 } });
  const leaving = new AbortController();
  const left = gateway.complete(testCall(completion("leaves"), { lane: "micro_batch", signal: leaving.signal }));
  leaving.abort();
  await assert.rejects(left, { kind: "cancelled" });
  const stays = await gateway.complete(testCall(completion("stays"), { lane: "micro_batch" }));
  assert.equal(stays.text, "You said: stays");
  await gateway.close();
  await server.close();
});
