import assert from "node:assert/strict";
import { test } from "node:test";
import type { LlmFrame, LlmUsage } from "#llm";
import { testAccount, testCall } from "../../../test/support/llm/gateway-fixture.ts";
import { startAnthropicServer, startOpenAiServer } from "../../../test/support/llm/index.ts";
import { CallState, type RatePermit } from "../call-state.ts";
import type { LlmError } from "../errors.ts";
import { PriceTable } from "../prices.ts";
import { HttpProvider } from "../providers/http-provider.ts";
import { HttpTransport } from "../providers/http-transport.ts";
import { defaultTimeouts, type ProviderLimits } from "../providers/provider.ts";
import { Router } from "../routing.ts";
import { providerHandler } from "./provider.ts";

const formats = { openai: startOpenAiServer, anthropic: startAnthropicServer };
const lengthField = { openai: "max_completion_tokens", anthropic: "max_tokens" };

/** The handler alone, with nothing around it, and what it tells the governor. */
function open(kind: keyof typeof formats, url: string) {
  const http = new HttpProvider(new HttpTransport({ connectTimeoutMs: 5000 }));
  const limits: ProviderLimits[] = [];
  const router = new Router({ prices: new PriceTable({}), http, offline: undefined, now: Date.now });
  const candidates = router.resolve([`${kind}/test-model`], [testAccount(kind, url)]);
  const handler = providerHandler({ timeouts: defaultTimeouts, onLimits: (_candidate, seen) => limits.push(seen) });
  const begin = (context: Parameters<typeof testCall>[1] = {}) => {
    const state = new CallState(candidates);
    state.maxOutputTokens = 77;
    const told: string[] = [];
    const ends: [LlmUsage | null, LlmError | null][] = [];
    const permit: RatePermit = {
      onSent: () => told.push("sent"),
      onAccepted: () => told.push("accepted"),
      end: (usage, error) => ends.push([usage, error]),
    };
    state.permit = permit;
    const frames: LlmFrame[] = [];
    const call = { ...testCall({ model: `${kind}/test-model`, maxOutputTokens: 5000 }, context), state };
    return { state, told, ends, frames, reply: handler(call, (frame) => frames.push(frame)) };
  };
  return { begin, limits, close: () => http.close() };
}

for (const [kind, start] of Object.entries(formats) as [keyof typeof formats, typeof startOpenAiServer][]) {
  for (const stream of [true, false]) {
    test(`${kind}, ${stream ? "streamed" : "JSON"}: one request with the granted length, an answer without a price, one end of its permit`, async () => {
      const server = await start({ script: { text: "One answer." } });
      const { begin, close } = open(kind, server.url);
      const { state, told, ends, frames, reply: pending } = begin({ stream });
      const reply = await pending;
      assert.equal(server.requests.length, 1);
      const body = server.requests[0]?.body as Record<string, unknown>;
      assert.deepEqual([body.model, body[lengthField[kind]]], ["test-model", 77]);
      assert.equal(reply.text, "One answer.");
      assert.equal(reply.costNanoUsd, null);
      assert.equal(reply.usage.outputTokens, server.ledger[0]?.outputTokens);
      assert.equal(frames.map((frame) => (frame.type === "text" ? frame.text : "")).join(""), stream ? reply.text : "");
      assert.deepEqual(told, ["sent", "accepted"]);
      assert.deepEqual(ends, [[reply.usage, null]]);
      assert.ok(state.providerMs > 0);
      await close();
      await server.close();
    });

    test(`${kind}, ${stream ? "streamed" : "JSON"}: a failure is passed on at once, its permit ends with it, nothing is retried`, async () => {
      const server = await start({ faults: { kind: "status", status: 503, type: "overloaded_error" } });
      const { begin, close } = open(kind, server.url);
      const { told, ends, reply } = begin({ stream });
      await assert.rejects(reply, { kind: "overloaded" });
      assert.equal(server.requests.length, 1);
      assert.deepEqual(told, ["sent"]);
      assert.equal(ends.length, 1);
      assert.equal(ends[0]?.[1]?.kind, "overloaded");
      await close();
      await server.close();
    });
  }

  test(`${kind}: the provider's limits are told with its headers, a leaver ends its request with what was seen`, {
    timeout: 30_000,
  }, async () => {
    const headers =
      kind === "openai"
        ? { "x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "59" }
        : { "anthropic-ratelimit-requests-limit": "60", "anthropic-ratelimit-requests-remaining": "59" };
    const server = await start({ faults: { kind: "status", status: 429, type: "rate_limit_error", headers } });
    const { begin, limits, close } = open(kind, server.url);
    await assert.rejects(begin().reply, { kind: "rate_limited" });
    assert.equal(limits.length, 1, JSON.stringify(limits));
    server.setFaults({ kind: "idle", pieces: 3 });
    const leaving = new AbortController();
    const { ends, frames, reply } = begin({ signal: leaving.signal });
    const failed = assert.rejects(reply, { kind: "cancelled" });
    while (frames.length === 0) await new Promise((resolve) => setImmediate(resolve));
    leaving.abort();
    await failed;
    await server.billed(2);
    while (server.requests[1]?.aborted !== true) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(ends.length, 1);
    assert.ok(ends[0]?.[0]?.estimated && ends[0][0].outputTokens > 0);
    await close();
    await server.close();
  });
}
