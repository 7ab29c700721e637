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
