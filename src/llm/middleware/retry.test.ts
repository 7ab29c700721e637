import assert from "node:assert/strict";
import { test } from "node:test";
import type { LlmFrame } from "#llm";
import { fixtureGateway, testAccount, testCall } from "../../../test/support/llm/gateway-fixture.ts";
import { startOpenAiServer } from "../../../test/support/llm/index.ts";

const text = "A short answer.";

test("what is safe is repeated before the first token: broken connections, 408, 5xx; not more often than allowed", async () => {
  for (const fault of [
    { kind: "status", status: 408 },
    { kind: "status", status: 503 },
    { kind: "reset", pieces: 0 },
  ] as const) {
    const server = await startOpenAiServer({ script: { text } });
    server.setFaults((index) => (index < 2 ? fault : null));
    const { gateway, records } = fixtureGateway([testAccount("openai", server.url)]);
    const reply = await gateway.complete(testCall());
    assert.deepEqual([reply.text, reply.attempts], [text, 3], JSON.stringify(fault));
    assert.equal(records.length, 1, "one call, one record");
    server.setFaults(fault);
    const { length } = server.requests;
    await assert.rejects(gateway.complete(testCall({}, { cache: "off" })));
    assert.equal(server.requests.length, length + 3);
    await gateway.close();
    await server.close();
  }
});

test("the provider's Retry-After is waited for, and a wait beyond the caller's deadline is refused at once", async () => {
  const server = await startOpenAiServer({ script: { text } });
  const busy = { kind: "status", status: 503, headers: { "retry-after-ms": "150" } } as const;
  server.setFaults((index) => (index === 0 ? busy : null));
  const { gateway } = fixtureGateway([testAccount("openai", server.url)]);
  await gateway.complete(testCall());
  const [first, second] = server.requests.map((request) => request.atMs) as [number, number];
  assert.ok(second - first >= 150, `${second - first} ms`);
  server.setFaults({ ...busy, headers: { "retry-after-ms": "60000" } });
  const startedAt = performance.now();
  await assert.rejects(gateway.complete(testCall({}, { cache: "off", deadlineMs: Date.now() + 5_000 })));
  assert.ok(performance.now() - startedAt < 2_000);
  assert.equal(server.requests.length, 3);
  await gateway.close();
  await server.close();
});

test("after the first token a caller who can take it back is told by a reset, then gets the whole answer", async () => {
  const server = await startOpenAiServer({ script: { text } });
  server.setFaults((index) => (index === 0 ? { kind: "reset", pieces: 2 } : null));
  const { gateway } = fixtureGateway([testAccount("openai", server.url)]);
  const frames: LlmFrame[] = [];
  await gateway.handler(testCall({}, { allowReset: true }), (frame) => frames.push(frame));
  const at = frames.findIndex((frame) => frame.type === "reset");
  assert.ok(at > 0);
  const after = frames.slice(at).map((frame) => (frame.type === "text" ? frame.text : ""));
  assert.equal(after.join(""), text);
  await gateway.close();
  await server.close();
});

test("after the first token nothing is repeated for a caller who cannot take it back", async () => {
  const server = await startOpenAiServer({ script: { text }, faults: { kind: "reset", pieces: 2 } });
  const { gateway } = fixtureGateway([testAccount("openai", server.url)]);
  await assert.rejects(gateway.complete(testCall()), { kind: "connection_lost" });
  assert.equal(server.requests.length, 1);
  await gateway.close();
  await server.close();
});

test("what is not safe or not useful to repeat is not repeated", async () => {
  for (const status of [400, 401, 404]) {
    const server = await startOpenAiServer({ faults: { kind: "status", status } });
    const { gateway } = fixtureGateway([testAccount("openai", server.url)]);
    await assert.rejects(gateway.complete(testCall()));
    assert.equal(server.requests.length, 1, String(status));
    await gateway.close();
    await server.close();
  }
});
