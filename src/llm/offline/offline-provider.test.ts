import assert from "node:assert/strict";
import { test } from "node:test";
import { Type } from "typebox";
import { Value } from "typebox/value";
import { LlmError } from "../errors.ts";
import type { ProviderCall } from "../providers/provider.ts";
import { expectedTokens, requestTokens } from "../tokens.ts";
import type { LlmFrame, LlmRequest } from "../types.ts";
import { createOfflineProvider } from "./offline-provider.ts";
import { NOTICE } from "./report.ts";
import { schemaInstance } from "./schema-instance.ts";

const account = {
  id: "o",
  tenantId: null,
  kind: "offline",
  baseUrl: "",
  apiKey: null,
  allowPrivateAddress: false,
} as const;
const timeouts = { connectMs: 1, firstTokenMs: 1, idleMs: 1, totalMs: 1 };

function callOf(request: Partial<LlmRequest>, options: Partial<ProviderCall> = {}): ProviderCall {
  const whole = { model: "offline", messages: [{ role: "user" as const, content: "Hello" }], ...request };
  return {
    account,
    request: whole,
    maxOutputTokens: 4_000,
    stream: true,
    timeouts,
    signal: new AbortController().signal,
    ...options,
  };
}

const user = (content: string) => ({ messages: [{ role: "user" as const, content }] });
const quick = createOfflineProvider({ latencyMs: 0, tokensPerSecond: null });

async function complete(call: ProviderCall, provider = quick) {
  const frames: LlmFrame[] = [];
  const answer = await provider.complete(call, (frame) => frames.push(frame));
  return { frames, answer };
}

const text =
  "Our cache keeps answers for a day. The office has a garden. Which answers does the cache keep? The cache drops answers that failed. Lunch is at noon.";

test("a chat says what it is and extracts from the message what is near its question", async () => {
  const { answer } = await complete(callOf(user(text)));
  assert.ok(answer.text.includes(NOTICE));
  assert.ok(answer.text.includes("- Our cache keeps answers for a day."));
  assert.ok(answer.text.includes("- The cache drops answers that failed."));
  assert.ok(!answer.text.includes("garden"));
});

test("a short chat says what it is and makes nothing up", async () => {
  const { answer } = await complete(callOf(user("What is the capital of France?")));
  assert.ok(answer.text.includes(NOTICE));
  assert.ok(!answer.text.includes("Paris"));
});

test("the frames of a stream are the answer, and the same request always gets the same", async () => {
  const first = await complete(callOf(user(`${text} 😀`.repeat(20))));
  assert.equal(first.frames.map((frame) => (frame.type === "text" ? frame.text : "")).join(""), first.answer.text);
  assert.ok(first.frames.length > 3);
  for (const frame of first.frames) assert.ok(frame.type === "text" && frame.text.isWellFormed());
  const second = await complete(callOf(user(`${text} 😀`.repeat(20))));
  assert.deepEqual({ ...second.answer, timeToFirstTokenMs: 0 }, { ...first.answer, timeToFirstTokenMs: 0 });
});

test("nobody looks: no frames", async () => {
  const { frames, answer } = await complete(callOf(user("Hello"), { stream: false }));
  assert.deepEqual(frames, []);
  assert.ok(answer.text.length > 0);
});

test("tokens are counted and the output limit is kept", async () => {
  const call = callOf(user(text), { maxOutputTokens: 12 });
  const { answer } = await complete(call);
  assert.equal(answer.finishReason, "length");
  assert.ok(expectedTokens(answer.text) <= 12);
  assert.equal(answer.usage.inputTokens, requestTokens(call.request).expected);
  assert.equal(answer.usage.outputTokens, expectedTokens(answer.text));
});

test("latency and pace are kept, and a cancel ends the call at once with what was seen", async () => {
  const slow = createOfflineProvider({ latencyMs: 30, tokensPerSecond: 200 });
  const controller = new AbortController();
  const startedAt = performance.now();
  let frames = 0;
  const call = slow.complete(callOf(user(text), { signal: controller.signal }), () => {
    frames += 1;
    if (frames === 5) controller.abort();
  });
  await assert.rejects(
    call,
    (error) => error instanceof LlmError && error.kind === "cancelled" && (error.seenUsage?.outputTokens ?? 0) >= 4,
  );
  const took = performance.now() - startedAt;
  assert.ok(took >= 30 + 4 * 5 - 2, `${took} ms`);
  assert.equal(frames, 5);

  const before = AbortSignal.abort();
  await assert.rejects(
    slow.complete(callOf(user(text), { signal: before }), () => {}),
    LlmError,
  );
});

test("a wanted form is met in form; a forced tool is called once", async () => {
  const schema = Type.Object({
    name: Type.String({ minLength: 2 }),
    kind: Type.Union([Type.Literal("a"), Type.Literal("b")]),
    count: Type.Integer({ minimum: 3 }),
    list: Type.Array(Type.Object({ ok: Type.Boolean() }), { minItems: 2 }),
    maybe: Type.Optional(Type.String()),
  });
  assert.ok(Value.Check(schema, schemaInstance(JSON.parse(JSON.stringify(schema)))));
  const format = { type: "json_schema", name: "x", schema: { ...schema } } as const;
  const { answer } = await complete(callOf({ responseFormat: format }));
  assert.ok(Value.Check(schema, JSON.parse(answer.text)));

  const tools = [
    {
      name: "look",
      description: "",
      parameters: { type: "object", properties: { at: { type: "string" } }, required: ["at"] },
    },
  ];
  const asked = callOf({ tools, toolChoice: "required" });
  const first = await complete(asked);
  assert.equal(first.answer.finishReason, "tool_calls");
  const call = first.answer.toolCalls[0];
  assert.deepEqual([call?.name, call?.arguments], ["look", '{"at":""}']);
  assert.deepEqual(first.frames, [
    { type: "tool-call", index: 0, id: call?.id, name: "look", argumentsDelta: '{"at":""}' },
  ]);
  const messages = [
    ...asked.request.messages,
    { role: "assistant" as const, content: "", toolCalls: first.answer.toolCalls },
    { role: "tool" as const, toolCallId: call?.id ?? "", content: "nothing" },
  ];
  assert.equal((await complete(callOf({ tools, toolChoice: "required", messages }))).answer.finishReason, "stop");
});

test("a small prompt costs well below a millisecond", async () => {
  const small = callOf({
    messages: [
      { role: "system", content: "You are a member." },
      { role: "user", content: "Say hello." },
    ],
  });
  const times: number[] = [];
  for (let run = 0; run < 300; run += 1) {
    const startedAt = process.cpuUsage();
    await quick.complete(small, () => {});
    const { user: userTime, system } = process.cpuUsage(startedAt);
    times.push(userTime + system);
  }
  const median = times.sort((left, right) => left - right)[150] ?? 0;
  assert.ok(median < 1_000, `${median} µs`);
});

test("vectors of texts that share words are nearer than of those that do not", async () => {
  const inputs = ["the cache keeps answers", "answers of a cache", "a garden with trees"];
  const answer = await quick.embed?.({
    account,
    model: "offline",
    inputs,
    timeouts,
    signal: new AbortController().signal,
  });
  const [a, b, c] = answer?.vectors ?? [];
  const product = (left: number[] = [], right: number[] = []) =>
    left.reduce((sum, value, index) => sum + value * (right[index] ?? 0), 0);
  assert.ok(Math.abs(product(a, a) - 1) < 1e-9);
  assert.ok(product(a, b) > product(a, c) + 0.3);
});
