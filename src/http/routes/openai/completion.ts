import type { FastifyReply, FastifyRequest } from "fastify";
import { AppError, type CacheResult } from "#contracts";
import { type Caller, newId, type Store } from "#domain";
import type { LlmReply, LlmRequest } from "#llm";
import type { HttpDependencies } from "../../dependencies.ts";
import { toOpenAiError } from "../../error-handler.ts";
import { apiHeaders } from "../../plugins/security-headers.ts";
import { toClientError } from "../../problem.ts";
import { openSse, type SseStream } from "../../sse.ts";
import { answerOnce } from "./answer-once.ts";
import { callContext, clientSignal } from "./call-options.ts";
import type { CompletionBody } from "./chat-schemas.ts";
import { lastFrame, toWireUsage } from "./chat-wire.ts";

interface Input {
  db: Store;
  caller: Caller;
  body: CompletionBody;
  deps: HttpDependencies;
  request: FastifyRequest;
  reply: FastifyReply;
}

type Head = { id: string; object: string; created: number; model: string };
type Choice = ReturnType<typeof choiceOf>;

/** What was answered; kept as it is for an Idempotency-Key. */
interface Answered {
  head: Head;
  choices: Choice[];
  usage: object;
  headers: Record<string, string>;
}

/**
 * OpenAI's legacy text completions. Each prompt is a call of its own (cache, budget, bill); those of an array wait for each
 * other and for other callers' to share a request, a single prompt goes at once. Models without text completions are
 * asked in a chat. When one prompt of an array fails, its error is the answer. An Idempotency-Key gives the first answer
 * again for 24 hours, streamed or whole as the body says, and calls nothing.
 */
export async function answerCompletion(input: Input): Promise<void> {
  const { db, caller, body, request } = input;
  const streamed = body.stream === true;
  const [prompt, ...others] = [body.prompt].flat();
  if (streamed && others.length > 0) {
    throw new AppError("validation_failed", "stream: one prompt can be streamed, not several.");
  }
  const once = await answerOnce<Answered>(db, caller, request);
  if (once.stored !== null) {
    replay(input, once.stored);
    return;
  }
  const head = {
    id: `cmpl-${newId().replaceAll("-", "")}`,
    object: "text_completion",
    created: Math.floor(Date.now() / 1_000),
    model: body.model,
  };
  let kept = false;
  const keep = async (answered: Answered): Promise<void> => {
    await once.keep(answered);
    kept = true;
  };
  try {
    if (streamed) await stream(input, head, prompt as string, keep);
    else {
      const answered = await askWhole(input, head);
      await keep(answered);
      sendWhole(input, answered);
    }
  } finally {
    if (!kept) await once.release();
  }
}

function sendWhole({ reply }: Input, { head, choices, usage, headers }: Answered): void {
  reply.headers({ ...apiHeaders, ...headers, "cache-control": "no-store" });
  reply.type("application/json; charset=utf-8").send(JSON.stringify({ ...head, choices, usage }));
}

/** The same answer again, in the form that is asked for. */
function replay(input: Input, kept: Answered): void {
  const headers = { ...kept.headers, "idempotency-replayed": "true" };
  if (input.body.stream !== true) {
    sendWhole(input, { ...kept, headers });
    return;
  }
  const sse = openSse(input.reply, { headers });
  const { text, finish_reason: reason } = kept.choices[0] as Choice;
  if (text !== "") sse.write(toFrame(kept.head, { choices: [choiceOf(text, 0, null)] }));
  writeEnd(sse, input, kept.head, reason, kept.usage);
}

const toFrame = (head: Head, value: object): string => `data: ${JSON.stringify({ ...head, ...value })}\n\n`;

function writeEnd(sse: SseStream, { body }: Input, head: Head, reason: string | null, usage: object): void {
  sse.write(toFrame(head, { choices: [choiceOf("", 0, reason)] }));
  if (body.stream_options?.include_usage === true) sse.write(toFrame(head, { choices: [], usage }));
  sse.write(lastFrame);
  sse.end();
}

function toRequest(body: CompletionBody, prompt: string): LlmRequest {
  const { model, max_tokens: maxTokens, temperature, top_p: topP, stop, seed } = body;
  return {
    model,
    form: "completion",
    messages: [{ role: "user", content: prompt }],
    ...(typeof maxTokens === "number" ? { maxOutputTokens: maxTokens } : {}),
    ...(typeof temperature === "number" ? { temperature } : {}),
    ...(typeof topP === "number" ? { topP } : {}),
    ...(stop === undefined || stop === null ? {} : { stop: [stop].flat() }),
    ...(typeof seed === "number" ? { seed } : {}),
  };
}

const choiceOf = (text: string, index: number, reason: string | null) => ({
  text,
  index,
  logprobs: null,
  finish_reason: reason,
});

async function askWhole({ caller, body, deps, request, reply }: Input, head: Head): Promise<Answered> {
  const lane = typeof body.prompt === "string" ? "interactive" : "micro_batch";
  const signal = clientSignal(reply);
  const outcomes = await Promise.allSettled(
    [body.prompt].flat().map((prompt) => {
      const context = callContext(caller, request, { cache: body.cache, stream: false, lane });
      return deps.gateway.call({ request: toRequest(body, prompt), context: { ...context, signal } }, () => undefined);
    }),
  );
  const replies = outcomes.map((outcome) => {
    if (outcome.status === "rejected") throw outcome.reason;
    return outcome.value;
  });
  const choices = replies.map(({ text, finishReason }, index) => choiceOf(text, index, finishReason));
  const usage = toWireUsage(usageOf(replies));
  return { head: { ...head, model: replies[0]?.model ?? head.model }, choices, usage, headers: billOf(replies) };
}

function usageOf(replies: readonly LlmReply[]): Parameters<typeof toWireUsage>[0] {
  const sum = (pick: (usage: LlmReply["usage"]) => number): number =>
    replies.reduce((total, { usage }) => total + pick(usage), 0);
  return {
    inputTokens: sum((usage) => usage.inputTokens),
    outputTokens: sum((usage) => usage.outputTokens),
    cacheReadTokens: sum((usage) => usage.cacheReadTokens),
    reasoningTokens: sum((usage) => usage.reasoningTokens),
  };
}

/** `hit` only when every prompt was one. */
function billOf(replies: readonly LlmReply[]): Record<string, string> {
  const cache: CacheResult = replies.find((one) => one.cacheResult !== "hit")?.cacheResult ?? "hit";
  const known = replies.every((one) => one.costNanoUsd !== null);
  const cost = replies.reduce((sum, one) => sum + (one.costNanoUsd ?? 0), 0);
  return { "x-muster-cache": cache, "x-muster-cost-nano-usd": known ? String(cost) : "unknown" };
}

/** Streams the answer; where it breaks off, the client is told so in the stream and nothing is kept. */
async function stream(
  input: Input,
  head: Head,
  prompt: string,
  keep: (answered: Answered) => Promise<void>,
): Promise<void> {
  const { caller, body, deps, request, reply } = input;
  const signal = clientSignal(reply);
  const context = callContext(caller, request, { cache: body.cache, stream: true, lane: "interactive" });
  let headers: Record<string, string> = {};
  let sse: SseStream | null = null;
  const open = (): SseStream => {
    sse ??= openSse(reply, { headers });
    return sse;
  };
  const onBegin = (cacheResult: CacheResult): void => {
    headers = { "x-muster-cache": cacheResult };
  };
  try {
    const call = { request: toRequest(body, prompt), context: { ...context, signal, onBegin } };
    const answer = await deps.gateway.call(call, (one) => {
      if (one.type === "text") open().write(toFrame(head, { choices: [choiceOf(one.text, 0, null)] }));
    });
    const usage = toWireUsage(answer.usage);
    const choices = [choiceOf(answer.text, 0, answer.finishReason)];
    await keep({ head, choices, usage, headers: billOf([answer]) });
    writeEnd(open(), input, head, answer.finishReason, usage);
  } catch (error) {
    if (!sse) throw error;
    if (!signal.aborted) {
      deps.logger.warn({ err: error, requestId: request.id }, "a streamed completion broke off");
      open().write(`data: ${JSON.stringify({ error: toOpenAiError(toClientError(error)) })}\n\n`);
    }
    open().end();
  }
}
