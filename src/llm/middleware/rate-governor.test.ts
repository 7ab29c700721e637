import assert from "node:assert/strict";
import { test } from "node:test";
import type { LlmFrame } from "#llm";
import { fixtureGateway, testAccount, testCall } from "../../../test/support/llm/gateway-fixture.ts";
import { startOpenAiServer } from "../../../test/support/llm/index.ts";

/* The windows themselves (strictness, fairness, leases, probes) are tested in ../rate/rate-governor.test.ts. */

test("a wait is shown with its end as a frame and to observers, and stands on the bill apart from what Muster added", async () => {
  const server = await startOpenAiServer();
  const waits: { accountId: string; squadId: string | null; untilMs: number }[] = [];
  const { gateway, records } = fixtureGateway([testAccount("openai", server.url, { requestsPerMinute: 60 })], {
    rate: { windowMs: 1_000 },
    observers: [{ onCall: () => {}, onRateWait: (wait) => waits.push(wait) }],
  });
  await gateway.complete(testCall({}, { cache: "off" }));
  const frames: LlmFrame[] = [];
  const askedAt = Date.now();
  const reply = await gateway.handler(testCall({}, { cache: "off", squadId: "squad-1" }), (frame) =>
    frames.push(frame),
  );
  const [wait] = frames;
  assert.ok(wait?.type === "wait" && wait.untilMs >= askedAt && wait.untilMs <= askedAt + 2_000, JSON.stringify(wait));
  assert.deepEqual(waits[0], { accountId: "openai-test", squadId: "squad-1", untilMs: wait.untilMs });
  const [first, second] = server.requests.map((request) => request.atMs) as [number, number];
  assert.ok(second - first >= 1_000, `${second - first} ms`);
  assert.ok(reply.rateWaitMs > 0);
  assert.equal(records[1]?.rateWaitMs, reply.rateWaitMs);
  assert.ok((records[1]?.addedMs ?? Number.NaN) < reply.rateWaitMs);
  await gateway.close();
  await server.close();
});

test("a call that finds room waits for nothing; a cached answer takes no place", async () => {
  const server = await startOpenAiServer();
  const { gateway } = fixtureGateway([testAccount("openai", server.url, { requestsPerMinute: 1 })]);
  const call = { temperature: 0 };
  const reply = await gateway.complete(testCall(call));
  assert.equal(reply.rateWaitMs, 0);
  for (let index = 0; index < 20; index += 1) assert.equal((await gateway.complete(testCall(call))).cacheResult, "hit");
  assert.equal(server.requests.length, 1);
  await gateway.close();
  await server.close();
});
