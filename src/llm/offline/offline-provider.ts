import { setTimeout as delay } from "node:timers/promises";
import { LlmError } from "../errors.ts";
import type { ProviderAnswer, ProviderCall, ProviderClient } from "../providers/provider.ts";
import { expectedTokens, requestTokens } from "../tokens.ts";
import type { LlmFinishReason, LlmFrame, LlmRequest, LlmToolCall, LlmUsage } from "../types.ts";
import { answerRequest } from "./answer-request.ts";
import { embedTexts } from "./embed-texts.ts";

export interface OfflineOptions {
  /** Waits this long before the first token. */
  latencyMs: number;
  /** Streams at this pace; null: as fast as it goes. */
  tokensPerSecond: number | null;
}

/** Characters of one frame: about sixteen tokens when nothing slows the stream down, one when it is paced. */
const FRAME_CHARACTERS = 64;
const PACED_FRAME_CHARACTERS = 4;

/**
 * The built-in model `muster/offline`: rules on the real input, no neural network, price 0, the same answer for the same
 * request. Opens no socket and keeps no state.
 */
export function createOfflineProvider(options: OfflineOptions): ProviderClient {
  return {
    complete: (call, onFrame) => complete(options, call, onFrame),
    listModels: async () => [
      {
        id: "offline",
        name: "Offline model (rules, no neural network)",
        contextTokens: 200_000,
        maxOutputTokens: 32_000,
      },
    ],
    embed: async (call) => ({
      vectors: embedTexts(call.inputs, call.dimensions),
      model: call.model,
      usage: usageOf(
        call.inputs.reduce((sum, input) => sum + expectedTokens(input), 0),
        0,
      ),
    }),
    close: async () => {},
  };
}

async function complete(
  options: OfflineOptions,
  call: ProviderCall,
  onFrame: (frame: LlmFrame) => void,
): Promise<ProviderAnswer> {
  const startedAt = performance.now();
  const inputTokens = requestTokens(call.request).expected;
  call.onSent?.();
  await pause(options.latencyMs, call.signal, usageOf(inputTokens, 0));
  call.onAccepted?.();
  const { text: whole, toolCalls } = answerRequest(call.request);
  const calls = toolCalls.map(
    (each, index): LlmToolCall => ({
      id: callId(call.request, index),
      name: each.name,
      arguments: JSON.stringify(each.arguments),
    }),
  );
  const text = cutToTokens(whole, call.maxOutputTokens);
  const timeToFirstTokenMs = performance.now() - startedAt;
  if (call.stream) {
    await streamText(options, call, text, inputTokens, onFrame);
    for (const [index, each] of calls.entries()) {
      onFrame({ type: "tool-call", index, id: each.id, name: each.name, argumentsDelta: each.arguments });
    }
  }
  const outputTokens = expectedTokens(text) + calls.reduce((sum, each) => sum + expectedTokens(each.arguments) + 8, 0);
  const finishReason: LlmFinishReason =
    calls.length > 0 ? "tool_calls" : text.length < whole.length ? "length" : "stop";
  return {
    text,
    reasoning: "",
    toolCalls: calls,
    finishReason,
    usage: usageOf(inputTokens, outputTokens),
    model: call.request.model,
    timeToFirstTokenMs,
  };
}

function usageOf(inputTokens: number, outputTokens: number): LlmUsage {
  return { inputTokens, cacheReadTokens: 0, cacheWriteTokens: 0, outputTokens, reasoningTokens: 0, estimated: false };
}

/** Unique within its conversation and the same for the same request. */
function callId(request: LlmRequest, index: number): string {
  return `offline-${request.messages.length}-${index + 1}`;
}

async function pause(milliseconds: number, signal: AbortSignal, seenUsage: LlmUsage): Promise<void> {
  try {
    signal.throwIfAborted();
    if (milliseconds > 0) await delay(milliseconds, undefined, { signal });
  } catch (error) {
    throw new LlmError("cancelled", "The call was cancelled.", { cause: error, seenUsage });
  }
}

async function streamText(
  { tokensPerSecond }: OfflineOptions,
  call: ProviderCall,
  text: string,
  inputTokens: number,
  onFrame: (frame: LlmFrame) => void,
): Promise<void> {
  const size = tokensPerSecond === null ? FRAME_CHARACTERS : PACED_FRAME_CHARACTERS;
  const startedAt = performance.now();
  for (let from = 0, frames = 0; from < text.length; frames += 1) {
    let to = Math.min(text.length, from + size);
    // Both halves of a surrogate pair go into one frame.
    if (to < text.length && (text.charCodeAt(to) & 0xfc00) === 0xdc00) to += 1;
    onFrame({ type: "text", text: text.slice(from, to) });
    from = to;
    const seen = usageOf(inputTokens, frames + 1);
    if (tokensPerSecond === null) {
      if (call.signal.aborted) await pause(0, call.signal, seen);
    } else {
      const dueMs = ((frames + 1) * 1_000) / tokensPerSecond;
      await pause(Math.max(0, startedAt + dueMs - performance.now()), call.signal, seen);
    }
  }
}

/** The beginning of a text that has at most so many tokens, as they are counted everywhere in Muster. */
function cutToTokens(text: string, maxTokens: number): string {
  // No token is longer than the text, and most are longer than one character: short texts need no count.
  if (text.length <= maxTokens || expectedTokens(text) <= maxTokens) return text;
  let [low, high] = [0, text.length];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (expectedTokens(text.slice(0, middle)) <= maxTokens) low = middle;
    else high = middle - 1;
  }
  return text.slice(0, low);
}
