import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { expectedTokens, type LlmCallRecord, LlmError, type LlmErrorKind, type LlmReply } from "#llm";
import { fixtureGateway, testAccount, testCall } from "../../../test/support/llm/gateway-fixture.ts";
import {
  type Fault,
  type LedgerEntry,
  pieces,
  type ScriptedAnswer,
  startAnthropicServer,
  startOpenAiServer,
  startResponsesServer,
} from "../../../test/support/llm/index.ts";

/*
 * Every fault × every format × streamed and not: the right error class, and the usage row equals the provider's ledger to the
 * token. The ledger is the server's own (the rule stands at `LedgerEntry`): a whole answer is billed by the counts that it reports,
 * a broken one by what left the server, a refused one not at all. Where no counts came, Muster estimates from what it saw, and two
 * rules of estimation (Muster's by words, the server's by pieces of four characters) agree to the token only where every tokenizer
 * does: so the prompt and what is sent before a cut are words of at most three letters. The rest of the answer is not, so that a
 * row which took an estimate for the provider's word would differ.
 */

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

/** The tokens that come before a cut: three of the reasoning and two of the text where a stream or body begins with it. */
const CUT = 5;

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
    fault: { kind: "idle", pieces: CUT },
    streamed: "timeout_idle",
    json: "timeout_total",
  },
  {
    name: "reset in the middle",
    fault: { kind: "reset", pieces: CUT },
    streamed: "connection_lost",
    json: "connection_lost",
  },
  {
    name: "reset before the first token",
    fault: { kind: "reset", pieces: 0 },
    streamed: "connection_lost",
    json: "connection_lost",
  },
  { name: "end in the middle", fault: { kind: "end", pieces: CUT }, streamed: "protocol", json: "protocol" },
  { name: "end before the first token", fault: { kind: "end", pieces: 0 }, streamed: "protocol", json: "protocol" },
  { name: "no terminal event", fault: { kind: "no-terminal" }, streamed: "protocol", json: "connection_lost" },
  { name: "broken JSON", fault: { kind: "broken-json", pieces: CUT }, streamed: "protocol", json: "protocol" },
  { name: "cut character", fault: { kind: "cut-character", pieces: CUT }, streamed: "protocol", json: "protocol" },
  {
    name: "error event",
    fault: { kind: "error-event", pieces: CUT, type: "overloaded_error", message: "Overloaded" },
    streamed: "overloaded",
    json: "overloaded",
  },
  {
    name: "endless",
    fault: { kind: "endless", pieces: CUT, everyMs: 20 },
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

/** The server's count of a prompt: 3 for the opening of the answer, 4 a message (OpenAI's cookbook), and its pieces. */
function countPromptTokens(body: unknown): number {
  const { messages = [] } = body as { messages?: { content: string | { text: string }[] }[] };
  let count = 3;
  for (const { content } of messages) {
    count += 4 + pieces(typeof content === "string" ? content : content.map(({ text }) => text).join("")).length;
  }
  return count;
}

function assertBilled(rows: readonly LlmCallRecord[], [bill, ...further]: readonly LedgerEntry[]): void {
  assert.ok(bill !== undefined && further.length === 0);
  if (bill.outcome === "refused") {
    assert.deepEqual(rows, []);
    return;
  }
  const [row] = rows;
  assert.equal(rows.length, 1);
  assert.ok(row?.usage, "billed, but no usage in its row");
  const { inputTokens, cacheReadTokens, cacheWriteTokens, outputTokens, estimated } = row.usage;
  assert.deepEqual(
    { inputTokens, cacheReadTokens, cacheWriteTokens, outputTokens, estimated },
    {
      inputTokens: bill.inputTokens,
      cacheReadTokens: bill.cachedTokens,
      cacheWriteTokens: bill.cacheWriteTokens,
      outputTokens: bill.outputTokens,
      estimated: !bill.reported,
    },
  );
}

const timeouts = { connectMs: 5000, firstTokenMs: 1500, idleMs: 1500, totalMs: 3000 };
const prompt = "Can you say in so few a way as is fit how to do it";
const script = {
  reasoning: "Let me see",
  text: "It is all one: get the old to-do out, then documentation, internationalisation, accessibility.",
};

const formats = {
  openai: { kind: "openai", start: startOpenAiServer },
  anthropic: { kind: "anthropic", start: startAnthropicServer },
  responses: { kind: "openai", start: startResponsesServer },
} as const;
type Format = keyof typeof formats;

/** One call against a faulty server: how it ended, the row that was written of it, and the provider's bill. */
async function callOnce(format: Format, stream: boolean, faults: Fault, answer: ScriptedAnswer = script) {
  const { kind, start } = formats[format];
  const server = await start({ faults, script: answer, countPromptTokens });
  const account = testAccount(kind, server.url, { wire: format === "responses" ? "responses" : "chat" });
  const { gateway, ledger } = fixtureGateway([account], { timeouts, retry: { attemptsPerCandidate: 1 } });
  try {
    const messages = [{ role: "user" as const, content: prompt }];
    const call = testCall({ model: `${kind}/test-model`, messages }, { stream });
    const outcome = await gateway.complete(call).catch((error: unknown) => error);
    await server.billed(1);
    // Writes the rows that wait.
    await gateway.close();
    return { outcome, rows: ledger.usage, bills: server.ledger };
  } finally {
    await gateway.close();
    await server.close();
  }
}

for (const format of Object.keys(formats) as Format[]) {
  for (const stream of [true, false]) {
    test(`faults over ${format}, ${stream ? "streamed" : "JSON"}`, { concurrency: 12 }, async (suite) => {
      await Promise.all(
        cases.map(({ name, fault, streamed, json }) =>
          suite.test(name, async () => {
            const { outcome, rows, bills } = await callOnce(format, stream, fault);
            const expected = stream ? streamed : json;
            if (expected === null) {
              assert.ok(!(outcome instanceof Error), String(outcome));
              assert.equal((outcome as LlmReply).text, script.text);
              assert.equal(bills[0]?.outcome, "complete");
            } else {
              assert.ok(outcome instanceof LlmError, JSON.stringify(outcome));
              assert.equal(outcome.kind, expected, outcome.message);
              assert.notEqual(bills[0]?.outcome, "complete");
            }
            assertBilled(rows, bills);
          }),
        ),
      );
    });

    test(`a tool call cut over ${format}, ${stream ? "streamed" : "JSON"}`, async () => {
      const toolCalls = [{ name: "find", arguments: '{"q": "one two and all the rest"}' }];
      const { rows, bills } = await callOnce(format, stream, { kind: "reset", pieces: 6 }, { toolCalls });
      const [bill] = bills;
      assert.equal(bill?.outputTokens, 6);
      // In Anthropic's body the input is an object, which is counted as the shortest JSON that begins so: with its two last marks.
      const marks = format === "anthropic" && !stream ? 2 : 0;
      assertBilled(rows, [{ ...bill, outputTokens: bill.outputTokens + marks }]);
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
  const server = await startOpenAiServer({ faults: { kind: "no-usage" }, script });
  const { gateway } = fixtureGateway([testAccount("openai", server.url)]);
  for (const stream of [true, false]) {
    const reply = await gateway.complete(testCall({}, { stream }));
    assert.equal(reply.usage.estimated, true);
    assert.ok(reply.usage.outputTokens >= expectedTokens(script.text) && reply.usage.inputTokens > 0);
  }
  await gateway.close();
  await server.close();
});
