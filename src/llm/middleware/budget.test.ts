import assert from "node:assert/strict";
import { test } from "node:test";
import type { CallLedger, LlmFrame, ReserveOutcome, ReserveRequest, SettleRequest } from "#llm";
import { fixtureGateway, testAccount, testCall } from "../../../test/support/llm/gateway-fixture.ts";
import { startOpenAiServer } from "../../../test/support/llm/index.ts";

/** A journal that records what it is asked. */
function recordingLedger(answer: (request: ReserveRequest) => ReserveOutcome) {
  const log: string[] = [];
  const reserved: ReserveRequest[] = [];
  const settled: SettleRequest[] = [];
  const ledger: CallLedger = {
    async reserve(request) {
      log.push(`reserve ${request.attempt}`);
      reserved.push(request);
      return answer(request);
    },
    async settle(request) {
      log.push(`settle ${request.attempt} ${request.outcome}`);
      settled.push(request);
    },
  };
  return { ledger, log, reserved, settled };
}

const grant = (request: ReserveRequest): ReserveOutcome => ({
  outcome: "granted",
  maxOutputTokens: request.maxOutputTokens,
});
const text = "A short answer.";

test("reserved before the socket, settled after with what the provider counted; the granted length is what is sent", async () => {
  const server = await startOpenAiServer({ script: { text } });
  const { gateway, ledger: plain } = fixtureGateway([testAccount("openai", server.url)]);
  const { ledger, log, reserved, settled } = recordingLedger(() => {
    assert.equal(server.requests.length, 0, "no socket before the reservation");
    return { outcome: "granted", maxOutputTokens: 123 };
  });
  const reply = await gateway.complete(testCall({ model: "gpt-4o-mini", maxOutputTokens: 1000 }, { ledger }));
  assert.deepEqual(log, ["reserve 1", "settle 1 done"]);
  assert.equal((server.requests[0]!.body as { max_completion_tokens: number }).max_completion_tokens, 123);
  assert.equal(settled[0]?.costNanoUsd, reply.costNanoUsd);
  assert.deepEqual(settled[0]?.usage, reply.usage);
  assert.ok((reserved[0]?.inputTokens ?? 0) > 0 && (reserved[0]?.inputCostNanoUsd ?? 0) > 0);
  assert.equal(reserved[0]?.outputNanoUsdPerToken, 600);
  await gateway.close();
  assert.equal(plain.usage.length, 0, "the journal writes the bill of its own calls");
  await server.close();
});

test("every attempt is reserved and settled by itself; a broken stream is billed by what was seen, then reset", async () => {
  const server = await startOpenAiServer({ script: { text } });
  server.setFaults((index) =>
    index === 0 ? { kind: "status", status: 500 } : index === 1 ? { kind: "reset", pieces: 2 } : null,
  );
  const { gateway, records } = fixtureGateway([testAccount("openai", server.url)]);
  const { ledger, log, settled } = recordingLedger(grant);
  const frames: LlmFrame[] = [];
  const reply = await gateway.handler(
    testCall({ model: "gpt-4o-mini" }, { ledger, executionId: "execution-1" }),
    (frame) => frames.push(frame),
  );
  assert.deepEqual(log, ["reserve 1", "settle 1 failed", "reserve 2", "settle 2 failed", "reserve 3", "settle 3 done"]);
  assert.equal(settled[0]?.costNanoUsd, 0);
  assert.equal(settled[1]?.usage.estimated, true);
  assert.ok((settled[1]?.usage.outputTokens ?? 0) >= 2);
  assert.equal(reply.attempts, 3);
  const reset = frames.findIndex((frame) => frame.type === "reset");
  assert.ok(reset >= 2);
  const after = frames.slice(reset + 1).map((frame) => (frame.type === "text" ? frame.text : ""));
  assert.equal(after.join(""), text);
  const total = settled.reduce((sum, one) => sum + (one.costNanoUsd ?? 0), 0);
  assert.equal(records[0]?.costNanoUsd, total);
  await gateway.close();
  await server.close();
});

test("fallback models come in order, each with its own price", async () => {
  const server = await startOpenAiServer({ script: { text } });
  server.setFaults((_index, body) =>
    (body as { model: string }).model === "gpt-4o" ? { kind: "status", status: 503 } : null,
  );
  const { gateway } = fixtureGateway([testAccount("openai", server.url)]);
  const { ledger, reserved } = recordingLedger(grant);
  const reply = await gateway.complete(
    testCall({ model: "gpt-4o", fallbackModels: ["anthropic/none", "gpt-4o-mini"] }, { ledger }),
  );
  assert.equal(reply.model, "gpt-4o-mini");
  assert.deepEqual(reserved.map((request) => request.outputNanoUsdPerToken).at(-1), 600);
  assert.ok(reply.attempts >= 2);
  await gateway.close();
  await server.close();
});

test("refusals of the ledger end the call before any socket, each with its own error", async () => {
  const server = await startOpenAiServer();
  const { gateway, ledger: plain } = fixtureGateway([testAccount("openai", server.url)]);
  const outcomes: [ReserveOutcome, string][] = [
    [{ outcome: "budget_exceeded", level: "squad", limitNanoUsd: 5, spentNanoUsd: 5 }, "budget_exceeded"],
    [{ outcome: "price_unknown", level: "execution" }, "price_unknown"],
    [{ outcome: "stop", reason: "cancelled" }, "stopped"],
  ];
  for (const [outcome, kind] of outcomes) {
    const { ledger, log } = recordingLedger(() => outcome);
    await assert.rejects(gateway.complete(testCall({}, { ledger })), { kind });
    assert.deepEqual(log, ["reserve 1"]);
  }
  plain.setBudget("instance", "tenant-1", 1_000_000_000);
  await assert.rejects(gateway.complete(testCall({ model: "test-model" })), { kind: "price_unknown" });
  assert.equal(server.requests.length, 0);
  await gateway.close();
  await server.close();
});
