import assert from "node:assert/strict";
import { test } from "node:test";
import { fixtureGateway, testAccount, testCall } from "../../../test/support/llm/gateway-fixture.ts";
import { startOpenAiServer } from "../../../test/support/llm/index.ts";

test("each token is priced once: cached ones are part of the input; unknown prices are null, never 0", async () => {
  const usage = { inputTokens: 1_000, cachedTokens: 400, outputTokens: 10 };
  const server = await startOpenAiServer({ script: { text: "ok", usage } });
  const { gateway, records } = fixtureGateway([testAccount("openai", server.url)]);
  // gpt-4o-mini: 600 × 150 + 400 × 75 + 10 × 600 nano-USD.
  assert.equal((await gateway.complete(testCall({ model: "gpt-4o-mini" }))).costNanoUsd, 126_000);
  assert.equal((await gateway.complete(testCall({ model: "test-model" }))).costNanoUsd, null);
  assert.deepEqual(
    records.map((record) => [record.costNanoUsd, record.usage?.cacheReadTokens]),
    [
      [126_000, 400],
      [null, 400],
    ],
  );
  await gateway.close();
  await server.close();
});

test("attempts that broke count with what was seen of them, marked as estimated; the sums stand on the record", async () => {
  const server = await startOpenAiServer({ script: { text: "word ".repeat(30) } });
  server.setFaults((index) => (index === 0 ? { kind: "reset", pieces: 5 } : null));
  const { gateway, records } = fixtureGateway([testAccount("openai", server.url)]);
  const reply = await gateway.complete(testCall({ model: "gpt-4o-mini" }, { allowReset: true }));
  const [record] = records;
  assert.equal(record?.attempts, 2);
  assert.equal(reply.usage.estimated, false);
  assert.equal(record?.usage?.estimated, true);
  assert.ok((record?.usage?.outputTokens ?? 0) > reply.usage.outputTokens);
  assert.ok((record?.costNanoUsd ?? 0) > (reply.costNanoUsd ?? 0));
  await gateway.close();
  await server.close();
});
