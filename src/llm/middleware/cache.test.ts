import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import type { CachedAnswer, CacheStore, LlmCallContext, LlmFrame, LlmRequest } from "#llm";
import { fixtureGateway, testAccount, testCall } from "../../../test/support/llm/gateway-fixture.ts";
import { startAnthropicServer, startOpenAiServer, type WireServer } from "../../../test/support/llm/index.ts";

const script = {
  reasoning: "Thinking it over.",
  text: "A whole answer with several words.",
  toolCalls: [{ name: "read", arguments: '{"path":"a.txt"}' }],
  usage: { inputTokens: 100, cachedTokens: 20, outputTokens: 40 },
};
let server: WireServer;
before(async () => {
  server = await startOpenAiServer({ script });
});
after(() => server.close());
beforeEach(() => server.setFaults(null));

const calls = (): number => server.requests.length;

async function collect(
  gateway: ReturnType<typeof fixtureGateway>["gateway"],
  request: Partial<LlmRequest>,
  context: Partial<LlmCallContext> = {},
) {
  const frames: LlmFrame[] = [];
  const reply = await gateway.handler(testCall(request, context), (frame) => frames.push(frame));
  return { reply, frames };
}

const cold = { model: "gpt-4o-mini", temperature: 0 };

test("a hit replays the frames exactly, costs nothing and says what it saved", async () => {
  const { gateway, records, ledger } = fixtureGateway([testAccount("openai", server.url)]);
  const before = calls();
  const first = await collect(gateway, cold);
  const second = await collect(gateway, cold);
  assert.equal(calls(), before + 1);
  assert.equal(first.reply.cacheResult, "miss");
  assert.equal(second.reply.cacheResult, "hit");
  assert.deepEqual(second.frames, first.frames);
  assert.deepEqual(second.reply.usage, first.reply.usage);
  assert.deepEqual(second.reply.toolCalls, first.reply.toolCalls);
  assert.equal(second.reply.costNanoUsd, 0);
  assert.ok((first.reply.costNanoUsd ?? 0) > 0);
  assert.equal(second.reply.savedNanoUsd, first.reply.costNanoUsd);
  await gateway.close();
  assert.deepEqual(
    ledger.usage.map((row) => row.cacheResult),
    ["miss", "hit"],
  );
  assert.equal(records[1]?.usage, null);
});

test("an entry of a stream serves a JSON caller and the reverse", async () => {
  const { gateway } = fixtureGateway([testAccount("openai", server.url)]);
  const streamed = await collect(gateway, cold);
  const json = await collect(gateway, cold, { stream: false });
  assert.equal(json.reply.cacheResult, "hit");
  assert.equal(json.frames.length, 0);
  assert.equal(json.reply.text, streamed.reply.text);
  const other = { ...cold, seed: 7 };
  await collect(gateway, other, { stream: false });
  const replayed = await collect(gateway, other);
  assert.equal(replayed.reply.cacheResult, "hit");
  assert.deepEqual(
    replayed.frames.map((frame) => frame.type),
    ["reasoning", "text", "tool-call"],
  );
  await gateway.close();
});

test("everything that can change the answer is part of the key, and so is the tenant", async () => {
  const { gateway } = fixtureGateway([
    testAccount("openai", server.url),
    testAccount("openai", server.url, { id: "second", models: ["gpt-4o"] }),
  ]);
  const base: Partial<LlmRequest> = { ...cold, messages: [{ role: "user", content: "a" }] };
  const variants: Partial<LlmRequest>[] = [
    base,
    { ...base, model: "gpt-4o" },
    { ...base, model: "test-model" },
    { ...base, messages: [{ role: "user", content: "b" }] },
    { ...base, messages: [{ role: "system", content: "a" }] },
    {
      ...base,
      messages: [
        { role: "user", content: "a" },
        { role: "assistant", content: "" },
      ],
    },
    { ...base, maxOutputTokens: 9 },
    { ...base, topP: 0.5 },
    { ...base, stop: ["x"] },
    { ...base, stop: ["x", "y"] },
    { ...base, seed: 1 },
    { ...base, tools: [{ name: "t", description: "", parameters: {} }] },
    { ...base, tools: [{ name: "t", description: "d", parameters: {} }] },
    { ...base, tools: [{ name: "t", description: "d", parameters: { type: "object" } }] },
    { ...base, tools: [{ name: "t", description: "d", parameters: {} }], toolChoice: "none" },
    { ...base, tools: [{ name: "t", description: "d", parameters: {} }], toolChoice: { name: "none" } },
    { ...base, responseFormat: { type: "json_object" } },
    { ...base, responseFormat: { type: "json_schema", name: "n", schema: {} } },
    { ...base, fallbackModels: ["gpt-4o"] },
  ];
  for (const variant of variants)
    assert.equal((await collect(gateway, variant)).reply.cacheResult, "miss", JSON.stringify(variant));
  for (const variant of variants)
    assert.equal((await collect(gateway, variant)).reply.cacheResult, "hit", JSON.stringify(variant));
  assert.equal((await collect(gateway, base, { tenantId: "tenant-2" })).reply.cacheResult, "miss");
  // The order of a schema's keys is no difference.
  const schema = { type: "object", properties: { a: {}, b: {} } };
  const turned = { properties: { b: {}, a: {} }, type: "object" };
  await collect(gateway, { ...base, tools: [{ name: "t", description: "d", parameters: schema }] });
  const { reply } = await collect(gateway, { ...base, tools: [{ name: "t", description: "d", parameters: turned }] });
  assert.equal(reply.cacheResult, "hit");
  await gateway.close();
});

test("above temperature 0 only when forced; off is off", async () => {
  const { gateway } = fixtureGateway([testAccount("openai", server.url)]);
  const warm = { model: "test-model", temperature: 0.7 };
  for (const request of [warm, { model: "test-model" }]) {
    assert.equal((await collect(gateway, request)).reply.cacheResult, "bypass");
    assert.equal((await collect(gateway, request)).reply.cacheResult, "bypass");
  }
  assert.equal((await collect(gateway, warm, { cache: "force" })).reply.cacheResult, "miss");
  assert.equal((await collect(gateway, warm, { cache: "force" })).reply.cacheResult, "hit");
  const before = calls();
  assert.equal((await collect(gateway, warm, { cache: "off" })).reply.cacheResult, "bypass");
  assert.equal(calls(), before + 1);
  await gateway.close();
});

test("failures, cut streams and length-limited answers are not kept", async () => {
  const { gateway } = fixtureGateway([testAccount("openai", server.url)], { retry: { attemptsPerCandidate: 1 } });
  for (const fault of [
    { kind: "status", status: 429 } as const,
    { kind: "end", pieces: 4 } as const,
    { kind: "no-terminal" } as const,
  ]) {
    const request = { ...cold, seed: fault.kind.length };
    server.setFaults(fault);
    await assert.rejects(collect(gateway, request));
    server.setFaults({ kind: "one-chunk" });
    await new Promise((resolve) => setTimeout(resolve, fault.kind === "status" ? 1050 : 0));
    const { reply } = await collect(gateway, request);
    assert.equal(reply.cacheResult, "miss");
    assert.equal(reply.text, script.text);
  }
  const short = await startOpenAiServer({ script: { text: "cut", finishReason: "length" } });
  const other = fixtureGateway([testAccount("openai", short.url)]);
  await collect(other.gateway, cold);
  assert.equal((await collect(other.gateway, cold)).reply.cacheResult, "miss");
  await other.gateway.close();
  await short.close();
  await gateway.close();
});

test("purge forgets a squad's or a model's entries of one tenant", async () => {
  const { gateway } = fixtureGateway([testAccount("openai", server.url)]);
  await collect(gateway, cold, { squadId: "squad-1" });
  await collect(gateway, { ...cold, model: "gpt-4o" }, { squadId: "squad-1" });
  await collect(gateway, cold, { tenantId: "tenant-2" });
  assert.equal(await gateway.purgeCache({ tenantId: "tenant-1", model: "gpt-4o" }), 1);
  assert.equal((await collect(gateway, cold)).reply.cacheResult, "hit");
  assert.equal(await gateway.purgeCache({ tenantId: "tenant-1", squadId: "squad-1" }), 1);
  assert.equal((await collect(gateway, cold)).reply.cacheResult, "miss");
  assert.equal((await collect(gateway, cold, { tenantId: "tenant-2" })).reply.cacheResult, "hit");
  await gateway.close();
});

test("the second level serves another process; when it fails, calls go on without it", async () => {
  const entries = new Map<string, CachedAnswer>();
  let broken = false;
  const store: CacheStore = {
    get: async (key) => {
      if (broken) throw new Error("away");
      return entries.get(key) ?? null;
    },
    set: async (key, answer) => {
      if (broken) throw new Error("away");
      entries.set(key, JSON.parse(JSON.stringify(answer)) as CachedAnswer);
    },
    purge: async () => 0,
  };
  const tenantSecret = Buffer.alloc(32, 7);
  const one = fixtureGateway([testAccount("openai", server.url)], { cacheStore: store, tenantSecret });
  const two = fixtureGateway([testAccount("openai", server.url)], { cacheStore: store, tenantSecret });
  const first = await collect(one.gateway, cold);
  const second = await collect(two.gateway, cold);
  assert.equal(second.reply.cacheResult, "hit");
  assert.deepEqual(second.frames, first.frames);
  broken = true;
  assert.equal((await collect(two.gateway, { ...cold, seed: 99 })).reply.cacheResult, "miss");
  assert.ok(two.errors.length >= 1);
  await one.gateway.close();
  await two.gateway.close();
});

test("two tenants with the same prompt, 1,000 interleavings: nobody sees the other's answer", async () => {
  const owners = await startAnthropicServer({
    script: (_body: never, index: number) => ({ text: `answer ${index}`, delayMs: index % 3 }),
  });
  const { gateway } = fixtureGateway([testAccount("anthropic", owners.url)], { cache: { maxBytes: 20_000 } });
  const seen = [new Set<string>(), new Set<string>()] as const;
  for (let round = 0; round < 100; round += 1) {
    await Promise.all(
      Array.from({ length: 10 }, async (_, index) => {
        const tenant = (round * 7 + index * 3) % 2;
        const request = {
          model: "claude-x",
          temperature: 0,
          messages: [{ role: "user" as const, content: `q${round % 17}` }],
        };
        const { reply } = await collect(gateway, request, { tenantId: `tenant-${tenant}`, stream: index % 2 === 0 });
        seen[tenant as 0 | 1].add(reply.text);
      }),
    );
  }
  for (const text of seen[0]) assert.ok(!seen[1].has(text), text);
  await gateway.close();
  await owners.close();
});
