import assert from "node:assert/strict";
import { test } from "node:test";
import { LlmError } from "#llm";
import { fixtureGateway, testAccount, testCall } from "../../../test/support/llm/gateway-fixture.ts";
import { startOpenAiServer } from "../../../test/support/llm/index.ts";

test("every call is reported to every observer exactly once, whatever becomes of it", async () => {
  const server = await startOpenAiServer({ script: { text: "word ".repeat(50) }, pieceDelayMs: 2 });
  const seen: string[] = [];
  const { gateway, records } = fixtureGateway([testAccount("openai", server.url)], {
    observers: [{ onCall: (record) => seen.push(record.callId) }],
  });
  const call = { model: "gpt-4o-mini", temperature: 0 };
  await gateway.complete(testCall(call));
  await gateway.complete(testCall(call));
  const leaving = new AbortController();
  const cut = gateway.handler(testCall({ ...call, seed: 1 }, { signal: leaving.signal }), () => leaving.abort());
  await assert.rejects(cut, LlmError);
  server.setFaults({ kind: "status", status: 400 });
  await assert.rejects(gateway.complete(testCall({ ...call, seed: 2 })), LlmError);
  assert.deepEqual(
    records.map(({ outcome, cacheResult }) => [outcome, cacheResult]),
    [
      ["done", "miss"],
      ["done", "hit"],
      ["cancelled", "miss"],
      ["failed", "miss"],
    ],
  );
  assert.deepEqual(
    seen,
    records.map((record) => record.callId),
  );
  assert.equal(records[1]?.costNanoUsd, 0);
  assert.equal(records[1]?.savedNanoUsd, records[0]?.costNanoUsd);
  for (const record of records) assert.ok(record.addedMs >= 0 && record.addedMs <= record.durationMs);
  await gateway.close();
  await server.close();
});

test("the reply's own times: first token before the end, attempts and waits as they were", async () => {
  const server = await startOpenAiServer({ script: { text: "word ".repeat(50) }, pieceDelayMs: 2, latencyMs: 30 });
  const { gateway, records } = fixtureGateway([testAccount("openai", server.url)]);
  const reply = await gateway.complete(testCall());
  assert.ok(reply.timeToFirstTokenMs >= 30 && reply.timeToFirstTokenMs < reply.latencyMs);
  assert.equal(records[0]?.timeToFirstTokenMs, reply.timeToFirstTokenMs);
  assert.deepEqual([reply.attempts, reply.rateWaitMs], [1, 0]);
  await gateway.close();
  await server.close();
});
