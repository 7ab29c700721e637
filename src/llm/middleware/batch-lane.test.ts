import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { createEconomyLane, type EconomyStore, type GatewayDeps, memoryEconomyStore } from "#llm";
import { fixtureGateway, testAccount, testCall } from "../../../test/support/llm/gateway-fixture.ts";
import { startAnthropicServer, startOpenAiServer } from "../../../test/support/llm/index.ts";

function economy(
  store: EconomyStore,
  extra: { size?: number; pollMs?: number; patienceMs?: number } = {},
): GatewayDeps["economy"] {
  return ({ http }) =>
    createEconomyLane({ http, store, now: Date.now, size: 3, collectMs: 30, pollMs: 10, onError: () => {}, ...extra });
}

const question = (content: string) => ({ messages: [{ role: "user" as const, content }] });

for (const kind of ["openai", "anthropic"] as const) {
  test(`economy over ${kind}: one batch, results by id at half the price, one failure fails one`, async () => {
    const start = kind === "openai" ? startOpenAiServer : startAnthropicServer;
    const server = await start();
    const model = kind === "openai" ? "gpt-4o-mini" : "claude-sonnet-4-5";
    const { gateway, ledger } = fixtureGateway([testAccount(kind, server.url)], {
      economy: economy(memoryEconomyStore()),
    });
    const outcomes = await Promise.allSettled(
      ["one", "FAIL", "three"].map((content) =>
        gateway.complete(testCall({ model, ...question(content) }, { lane: "economy" })),
      ),
    );
    assert.deepEqual(
      outcomes.map((outcome) => outcome.status),
      ["fulfilled", "rejected", "fulfilled"],
    );
    const [first, , third] = outcomes;
    assert.ok(first?.status === "fulfilled" && third?.status === "fulfilled");
    assert.equal(first.value.text, "You said: one");
    assert.equal(third.value.text, "You said: three");
    const live = await gateway.complete(testCall({ model, ...question("one") }));
    assert.equal(first.value.usage.inputTokens, live.usage.inputTokens);
    assert.equal(first.value.costNanoUsd, Math.round((live.costNanoUsd as number) / 2));
    const submits = server.requests.filter(({ method, path }) => method === "POST" && path.endsWith("/batches"));
    assert.equal(submits.length, 1);
    await gateway.close();
    assert.equal(ledger.usage.filter((row) => row.lane === "economy").length, 2);
    await server.close();
  });
}

test("a call asked again after a restart joins its batch and is not submitted twice", async () => {
  const server = await startOpenAiServer();
  const store = memoryEconomyStore();
  const callId = randomUUID();
  const before = fixtureGateway([testAccount("openai", server.url)], {
    economy: economy(store, { size: 1, pollMs: 60_000 }),
  });
  const lost = before.gateway.complete(testCall({}, { lane: "economy", callId, signal: new AbortController().signal }));
  lost.catch(() => {});
  await server.received(2);
  while ((await store.find((await keysOf(store, callId))[0] as string))?.state !== "submitted")
    await new Promise(setImmediate);
  await before.gateway.close();
  const after = fixtureGateway([testAccount("openai", server.url)], { economy: economy(store) });
  // The first process never forgot the call: it died.
  const reply = await after.gateway.complete(testCall({}, { lane: "economy", callId }));
  assert.equal(reply.text, "You said: Hello");
  const submits = server.requests.filter(({ method, path }) => method === "POST" && path === "/v1/batches");
  assert.equal(submits.length, 1);
  await after.gateway.close();
  await server.close();
});

test("at its deadline a call goes live at the full price; interactive calls never wait", async () => {
  const server = await startOpenAiServer();
  const { gateway } = fixtureGateway([testAccount("openai", server.url)], {
    economy: economy(memoryEconomyStore(), { pollMs: 60_000 }),
  });
  const escalated = await gateway.complete(
    testCall({ model: "gpt-4o-mini" }, { lane: "economy", deadlineMs: Date.now() + 80 }),
  );
  const live = await gateway.complete(testCall({ model: "gpt-4o-mini" }));
  assert.equal(escalated.costNanoUsd, live.costNanoUsd);
  assert.ok(live.latencyMs < 60);
  await gateway.close();
  await server.close();
});

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

/** Keys are hashes of tenant and call. */
async function keysOf(_store: EconomyStore, callId: string): Promise<string[]> {
  const { createHash } = await import("node:crypto");
  return [createHash("sha256").update(`tenant-1\n${callId}`).digest("base64url")];
}
