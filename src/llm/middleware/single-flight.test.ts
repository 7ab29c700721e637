import assert from "node:assert/strict";
import { test } from "node:test";
import type { LlmFrame } from "#llm";
import { fixtureGateway, testAccount, testCall } from "../../../test/support/llm/gateway-fixture.ts";
import { startOpenAiServer } from "../../../test/support/llm/index.ts";

const text = "One answer for everybody who asked the same thing.";
const cold = { model: "gpt-4o-mini", temperature: 0 };

for (const stream of [true, false]) {
  test(`100 equal calls at once are one call upstream (${stream ? "stream" : "JSON"})`, async () => {
    const server = await startOpenAiServer({ script: { text }, latencyMs: 20 });
    const { gateway, records } = fixtureGateway([testAccount("openai", server.url)]);
    const replies = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const frames: LlmFrame[] = [];
        const reply = await gateway.handler(testCall(cold, { stream }), (frame) => frames.push(frame));
        return { reply, frames };
      }),
    );
    assert.equal(server.requests.length, 1);
    for (const { reply, frames } of replies) {
      assert.equal(reply.text, text);
      if (stream) assert.deepEqual(frames, replies[0]?.frames);
    }
    assert.equal(replies.filter(({ reply }) => reply.cacheResult === "coalesced").length, 99);
    const paid = records.filter((record) => (record.costNanoUsd ?? 0) > 0);
    assert.equal(paid.length, 1);
    assert.equal(replies[99]?.reply.savedNanoUsd, paid[0]?.costNanoUsd);
    await gateway.close();
    await server.close();
  });
}

test("who joins late gets everything from the first frame on; a leaver does not end it for the others", async () => {
  const server = await startOpenAiServer({ script: { text }, pieceDelayMs: 5 });
  const { gateway } = fixtureGateway([testAccount("openai", server.url)]);
  const leader = new AbortController();
  let seen = 0;
  let joined: Promise<unknown> | null = null;
  const lateFrames: LlmFrame[] = [];
  const first = gateway.handler(testCall(cold, { signal: leader.signal }), () => {
    seen += 1;
    if (seen === 4) joined = gateway.handler(testCall(cold), (frame) => lateFrames.push(frame));
    if (seen === 6) leader.abort();
  });
  await assert.rejects(first, { kind: "cancelled" });
  const reply = (await joined) as unknown as { text: string; cacheResult: string };
  assert.equal(reply.text, text);
  assert.equal(reply.cacheResult, "coalesced");
  assert.equal(lateFrames.map((frame) => (frame.type === "text" ? frame.text : "")).join(""), text);
  assert.equal(server.requests.length, 1);
  assert.equal(server.requests[0]?.aborted, false);
  await gateway.close();
  await server.close();
});

test("when the last one leaves, the provider's socket closes; the next caller starts anew", async () => {
  const server = await startOpenAiServer({ script: { text: text.repeat(20) }, pieceDelayMs: 5 });
  const { gateway } = fixtureGateway([testAccount("openai", server.url)]);
  const controllers = [new AbortController(), new AbortController()];
  const calls = controllers.map(({ signal }) => gateway.complete(testCall(cold, { signal })));
  await server.received(1);
  for (const controller of controllers) controller.abort();
  for (const call of calls) await assert.rejects(call, { kind: "cancelled" });
  await server.billed(1);
  assert.equal(server.requests[0]?.aborted, true);
  server.setScript({ text });
  assert.equal((await gateway.complete(testCall(cold))).text, text);
  assert.equal(server.requests.length, 2);
  await gateway.close();
  await server.close();
});

test("a failure of the provider reaches all; a refusal that is the first caller's own does not", async () => {
  const server = await startOpenAiServer({ script: { text }, latencyMs: 20 });
  const { gateway, ledger } = fixtureGateway([testAccount("openai", server.url)], {
    retry: { attemptsPerCandidate: 1 },
  });
  server.setFaults({ kind: "status", status: 500 });
  const failed = await Promise.allSettled(Array.from({ length: 5 }, () => gateway.complete(testCall(cold))));
  assert.ok(failed.every((outcome) => outcome.status === "rejected" && outcome.reason.kind === "provider_error"));
  assert.equal(server.requests.length, 1);
  server.setFaults(null);
  ledger.setBudget("squad", "poor", 1);
  const outcomes = await Promise.allSettled([
    gateway.complete(testCall(cold, { squadId: "poor" })),
    gateway.complete(testCall(cold)),
  ]);
  assert.deepEqual(
    outcomes.map((outcome) => outcome.status),
    ["rejected", "fulfilled"],
  );
  await gateway.close();
  await server.close();
});
