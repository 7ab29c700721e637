import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { expectedTokens, LlmError, type LlmErrorKind, type LlmMessage, requestTokens } from "#llm";
import { fixtureGateway, testAccount, testCall } from "../../../test/support/llm/gateway-fixture.ts";
import {
  type Fault,
  startAnthropicServer,
  startOpenAiServer,
  startResponsesServer,
} from "../../../test/support/llm/index.ts";

/* Every fault × every format × streamed and not: the right error class, and the bill equals the provider's ledger. */

interface Case {
  name: string;
  fault: Fault;
  /** What a stream and a JSON call end in; null: they succeed. */
  streamed: LlmErrorKind | null;
  json: LlmErrorKind | null;
}

const status = (code: number, kind: LlmErrorKind, extra: Partial<Extract<Fault, { kind: "status" }>> = {}): Case => ({
  name: `${code}${extra.code ?? extra.message ?? ""}`,
  fault: { kind: "status", status: code, ...extra },
  streamed: kind,
  json: kind,
});

const cases: Case[] = [
  status(400, "bad_request", { type: "invalid_request_error" }),
  status(400, "context_too_long", {
    type: "invalid_request_error",
    code: "context_length_exceeded",
    message: "prompt is too long: 208310 tokens > 200000 maximum",
  }),
  status(401, "unauthorized", { type: "authentication_error" }),
  status(402, "quota_exhausted", { type: "billing_error" }),
  status(403, "unauthorized", { type: "permission_error" }),
  status(404, "model_unknown", { type: "not_found_error", code: "model_not_found" }),
  status(408, "timeout_first_token", { type: "timeout_error" }),
  status(413, "context_too_long", { type: "request_too_large" }),
  status(422, "bad_request", { type: "invalid_request_error" }),
  status(429, "rate_limited", { type: "rate_limit_error" }),
  status(429, "rate_limited", {
    type: "rate_limit_error",
    message: "with Retry-After",
    headers: { "retry-after": "1" },
  }),
  status(500, "provider_error", { type: "api_error" }),
  status(502, "provider_error", { type: "api_error" }),
  status(503, "overloaded", { type: "overloaded_error" }),
  status(529, "overloaded", { type: "overloaded_error" }),
  { name: "a proxy's page", fault: { kind: "page", status: 502 }, streamed: "provider_error", json: "provider_error" },
  {
    name: "a redirect is not followed",
    fault: { kind: "page", status: 302, headers: { location: "http://127.0.0.1:1/" } },
    streamed: "protocol",
    json: "protocol",
  },
  { name: "closed early", fault: { kind: "close-early" }, streamed: "connection_lost", json: "connection_lost" },
  { name: "no HTTP", fault: { kind: "garbage" }, streamed: "protocol", json: "protocol" },
  { name: "silence", fault: { kind: "silence" }, streamed: "timeout_first_token", json: "timeout_total" },
  {
    name: "headers, then silence",
    fault: { kind: "headers-then-silence" },
    streamed: "timeout_first_token",
    json: "timeout_total",
  },
  { name: "late first byte", fault: { kind: "slow-first-byte", delayMs: 60 }, streamed: null, json: null },
  {
    name: "too late first byte",
    fault: { kind: "slow-first-byte", delayMs: 4000 },
    streamed: "timeout_first_token",
    json: "timeout_total",
  },
  {
    name: "silence in the middle",
    fault: { kind: "idle", pieces: 3 },
    streamed: "timeout_idle",
    json: "timeout_total",
  },
  {
    name: "reset in the middle",
    fault: { kind: "reset", pieces: 3 },
    streamed: "connection_lost",
    json: "connection_lost",
  },
  { name: "end in the middle", fault: { kind: "end", pieces: 3 }, streamed: "protocol", json: "connection_lost" },
  { name: "no terminal event", fault: { kind: "no-terminal" }, streamed: "protocol", json: "connection_lost" },
  { name: "broken JSON", fault: { kind: "broken-json", pieces: 3 }, streamed: "protocol", json: "protocol" },
  { name: "cut character", fault: { kind: "cut-character", pieces: 3 }, streamed: "protocol", json: "protocol" },
  {
    name: "error event",
    fault: { kind: "error-event", pieces: 3, type: "overloaded_error", message: "Overloaded" },
    streamed: "overloaded",
    json: null,
  },
  {
    name: "endless",
    fault: { kind: "endless", pieces: 3, everyMs: 20 },
    streamed: "timeout_total",
    json: "timeout_total",
  },
  { name: "one-byte chunks", fault: { kind: "one-byte-chunks" }, streamed: null, json: null },
  { name: "one chunk", fault: { kind: "one-chunk" }, streamed: null, json: null },
  { name: "CRLF", fault: { kind: "crlf" }, streamed: null, json: null },
  { name: "comments", fault: { kind: "comments" }, streamed: null, json: null },
  { name: "unknown events", fault: { kind: "unknown-events" }, streamed: null, json: null },
  { name: "hang after the terminal event", fault: { kind: "hang-after-terminal" }, streamed: null, json: null },
  { name: "garbage after the terminal event", fault: { kind: "garbage-after-terminal" }, streamed: null, json: null },
  {
    name: "a page with status 200",
    fault: { kind: "wrong-body", contentType: "text/html", body: "<html>hello</html>" },
    streamed: "protocol",
    json: "protocol",
  },
  {
    name: "an empty body",
    fault: { kind: "wrong-body", contentType: "application/json", body: "" },
    streamed: "protocol",
    json: "protocol",
  },
  {
    name: "another JSON",
    fault: { kind: "wrong-body", contentType: "application/json", body: '{"ok":true}' },
    streamed: "protocol",
    json: "protocol",
  },
];

/** What a server counts as the prompt: the same estimate that bills a call whose usage never came. */
function countPromptTokens(body: unknown): number {
  const { model, messages = [] } = body as {
    model: string;
    messages?: { role: "user"; content: string | { text: string }[] }[];
  };
  const neutral = messages.map(
    ({ role, content }): LlmMessage => ({
      role,
      content: typeof content === "string" ? content : (content[0]?.text ?? ""),
    }),
  );
  return requestTokens({ model, messages: neutral }).expected;
}

const timeouts = { connectMs: 5000, firstTokenMs: 1500, idleMs: 1500, totalMs: 3000 };
const text = "An answer with some more words, so that there is something to cut in the middle.";

const formats = {
  openai: { kind: "openai", start: startOpenAiServer },
  anthropic: { kind: "anthropic", start: startAnthropicServer },
  responses: { kind: "openai", start: startResponsesServer },
} as const;

for (const [format, { kind, start }] of Object.entries(formats)) {
  for (const stream of [true, false]) {
    test(`faults over ${format}, ${stream ? "streamed" : "JSON"}`, { concurrency: 12 }, async (suite) => {
      await Promise.all(
        cases.map(({ name, fault, streamed, json }) =>
          suite.test(name, async () => {
            const server = await start({ faults: fault, script: { text }, countPromptTokens });
            const { gateway, records } = fixtureGateway(
              [testAccount(kind, server.url, { wire: format === "responses" ? "responses" : "chat" })],
              {
                timeouts,
                retry: { attemptsPerCandidate: 1 },
              },
            );
            const expected = stream ? streamed : json;
            try {
              const outcome = await gateway.complete(testCall({ model: `${kind}/test-model` }, { stream })).then(
                (reply) => reply,
                (error: unknown) => error,
              );
              if (expected === null) {
                assert.ok(!(outcome instanceof Error), String(outcome));
                assert.equal((outcome as { text: string }).text, text);
              } else {
                assert.ok(outcome instanceof LlmError, JSON.stringify(outcome));
                assert.equal(outcome.kind, expected, outcome.message);
              }
              await server.billed(1);
              const bill = server.ledger[0];
              const usage = records[0]?.usage;
              if (bill?.outcome === "complete") {
                assert.equal(usage?.inputTokens, bill.inputTokens);
                assert.equal(usage?.outputTokens, bill.outputTokens);
                assert.equal(usage?.estimated, false);
              } else if (bill?.outcome === "cut" && stream && fault.kind !== "wrong-body") {
                assert.equal(usage?.inputTokens, bill.inputTokens);
                // Anthropic's `message_start` already counts one token.
                assert.equal(
                  usage?.outputTokens,
                  kind === "anthropic" && usage?.outputTokens === 1 ? 1 : bill.outputTokens,
                );
                // Responses say what was used with their terminal event, not before.
                assert.equal(usage?.estimated, fault.kind !== "no-terminal" || format === "responses");
              } else if (bill?.outcome === "refused") {
                assert.equal(usage, null);
              }
            } finally {
              await gateway.close();
              await server.close();
            }
          }),
        ),
      );
    });
  }
}

test("nobody listens: connect", async () => {
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const { port } = listener.address() as { port: number };
  await new Promise((resolve) => listener.close(resolve));
  const { gateway } = fixtureGateway([testAccount("openai", `http://127.0.0.1:${port}/v1`)], {
    retry: { attemptsPerCandidate: 1 },
  });
  await assert.rejects(gateway.complete(testCall()), { kind: "connect" });
  await gateway.close();
});

test("usage that the provider left out is counted and marked estimated", async () => {
  const server = await startOpenAiServer({ faults: { kind: "no-usage" }, script: { text } });
  const { gateway } = fixtureGateway([testAccount("openai", server.url)]);
  for (const stream of [true, false]) {
    const reply = await gateway.complete(testCall({}, { stream }));
    assert.equal(reply.usage.estimated, true);
    assert.ok(reply.usage.outputTokens >= expectedTokens(text) && reply.usage.inputTokens > 0);
  }
  await gateway.close();
  await server.close();
});
