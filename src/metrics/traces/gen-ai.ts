import type { ObservedUsage } from "../metrics.ts";
import type { Span, SpanAttributes } from "./tracer.ts";

/** What is known of an LLM call when it starts. */
export interface GenAiCall {
  provider: string;
  model: string;
  maxOutputTokens?: number | undefined;
  temperature?: number | undefined;
  executionId?: string | null | undefined;
}

/** Well-known values of `gen_ai.provider.name`; others stand for themselves. */
const providerNames: Record<string, string> = { google: "gcp.gemini" };

/**
 * Attributes of an LLM call's span (OpenTelemetry semantic conventions 1.41, "Generative AI": name the span
 * `chat MODEL`, kind `client`). Prompts and answers are never part of a trace.
 */
export function genAiRequestAttributes(call: GenAiCall): SpanAttributes {
  return {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": providerNames[call.provider] ?? call.provider,
    "gen_ai.request.model": call.model,
    "gen_ai.request.max_tokens": call.maxOutputTokens,
    "gen_ai.request.temperature": call.temperature,
    "gen_ai.conversation.id": call.executionId,
  };
}

/** Adds what the answer brought and ends the span. */
export function finishGenAiSpan(
  span: Span,
  reply: { model: string; finishReason: string; usage: ObservedUsage; timeToFirstTokenMs: number; cacheResult: string },
): void {
  span.set({
    "gen_ai.response.model": reply.model,
    "gen_ai.response.finish_reasons": [reply.finishReason],
    "gen_ai.usage.input_tokens": reply.usage.inputTokens,
    "gen_ai.usage.output_tokens": reply.usage.outputTokens,
    "gen_ai.usage.cache_read.input_tokens": reply.usage.cacheReadTokens,
    "gen_ai.usage.cache_creation.input_tokens": reply.usage.cacheWriteTokens,
    "gen_ai.usage.reasoning.output_tokens": reply.usage.reasoningTokens,
    "muster.time_to_first_token_ms": reply.timeToFirstTokenMs,
    "muster.cache_result": reply.cacheResult,
  });
  span.end();
}
