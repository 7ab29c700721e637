import type { FastifyReply, FastifyRequest } from "fastify";
import { AppError, type CacheResult } from "#contracts";
import { type Caller, newId, spendTags } from "#domain";
import type { LlmReply, LlmRequest } from "#llm";
import type { HttpDependencies } from "../../dependencies.ts";
import { toOpenAiError } from "../../error-handler.ts";
import { apiHeaders } from "../../plugins/security-headers.ts";
import { toClientError } from "../../problem.ts";
import { openSse, type SseStream } from "../../sse.ts";
import { callContext, clientSignal } from "./call-options.ts";
import type { CompletionBody } from "./chat-schemas.ts";
import { lastFrame, toWireUsage } from "./chat-wire.ts";

interface Input {
  caller: Caller;
  body: CompletionBody;
  deps: HttpDependencies;
  request: FastifyRequest;
  reply: FastifyReply;
}

/**
 * OpenAI's legacy text completions. Each prompt is a call of its own (cache, budget, bill); those of an array wait for each
 * other and for other callers' to share a request, a single prompt goes at once. Models without text completions are
 * asked in a chat. When one prompt of an array fails, its error is the answer.
 */
export async function answerCompletion(input: Input): Promise<void> {
  const { caller, body, deps } = input;
  const head = {
    id: `cmpl-${newId().replaceAll("-", "")}`,
    object: "text_completion",
    created: Math.floor(Date.now() / 1_000),
    model: body.model,
  };
  if (body.stream !== true) await answerWhole(input, head);
  else if (typeof body.prompt === "string") await stream(input, head, body.prompt);
  else if (body.prompt.length === 1) await stream(input, head, body.prompt[0] as string);
  else throw new AppError("validation_failed", "stream: one prompt can be streamed, not several.");
  await deps.cache.invalidate(spendTags(caller.userId, null));
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

async function answerWhole({ caller, body, deps, request, reply }: Input, head: { model: string }): Promise<void> {
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
  const answer = { ...head, model: replies[0]?.model ?? head.model, choices, usage: toWireUsage(usageOf(replies)) };
  reply.headers({ ...apiHeaders, ...billOf(replies), "cache-control": "no-store" });
  reply.type("application/json; charset=utf-8").send(JSON.stringify(answer));
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

async function stream(
  { caller, body, deps, request, reply }: Input,
  head: { model: string },
  prompt: string,
): Promise<void> {
  const signal = clientSignal(reply);
  const context = callContext(caller, request, { cache: body.cache, stream: true, lane: "interactive" });
  let headers: Record<string, string> = {};
  let sse: SseStream | null = null;
  const open = (): SseStream => {
    sse ??= openSse(reply, { headers });
    return sse;
  };
  const frame = (value: object): string => `data: ${JSON.stringify({ ...head, ...value })}\n\n`;
  const onBegin = (cacheResult: CacheResult): void => {
    headers = { "x-muster-cache": cacheResult };
  };
  try {
    const call = { request: toRequest(body, prompt), context: { ...context, signal, onBegin } };
    const answer = await deps.gateway.call(call, (one) => {
      if (one.type === "text") open().write(frame({ choices: [choiceOf(one.text, 0, null)] }));
    });
    open().write(frame({ choices: [choiceOf("", 0, answer.finishReason)] }));
    if (body.stream_options?.include_usage === true) {
      open().write(frame({ choices: [], usage: toWireUsage(answer.usage) }));
    }
    open().write(lastFrame);
    open().end();
  } catch (error) {
    if (!sse) throw error;
    if (!signal.aborted) {
      deps.logger.warn({ err: error, requestId: request.id }, "a streamed completion broke off");
      open().write(`data: ${JSON.stringify({ error: toOpenAiError(toClientError(error)) })}\n\n`);
    }
    open().end();
  }
}
