import { argumentPieces, pieces, type ScriptedAnswer } from "./answers.ts";
import type { WireServerOptions } from "./wire-server.ts";

export interface ChatBody {
  model?: string;
  messages?: unknown[];
  stream?: boolean;
  stream_options?: { include_usage?: boolean };
  max_tokens?: number;
  max_completion_tokens?: number;
  prompt?: string | string[];
  input?: string | string[];
}

function outputTokens(answer: ScriptedAnswer): number {
  let count = pieces(answer.text ?? "").length + pieces(answer.reasoning ?? "").length;
  for (const call of answer.toolCalls ?? []) count += 1 + argumentPieces(call.arguments).length;
  return count;
}

function promptTokens(body: unknown, options: WireServerOptions): number {
  return options.countPromptTokens?.(body) ?? Math.ceil(JSON.stringify((body as ChatBody).messages ?? "").length / 4);
}

export function usageOf(answer: ScriptedAnswer, body: unknown, options: WireServerOptions) {
  const prompt = answer.usage?.inputTokens ?? promptTokens(body, options);
  const { max_completion_tokens: most = Number.POSITIVE_INFINITY } = body as ChatBody;
  const completion = Math.min(answer.usage?.outputTokens ?? outputTokens(answer), most);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: answer.usage?.cachedTokens ?? 0, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: answer.usage?.reasoningTokens ?? pieces(answer.reasoning ?? "").length,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

export function finishReason(answer: ScriptedAnswer): string {
  return answer.finishReason ?? ((answer.toolCalls?.length ?? 0) > 0 ? "tool_calls" : "stop");
}

export function callId(index: number, answer: ScriptedAnswer): string {
  return answer.toolCalls?.[index]?.id ?? `call_${String(index).padStart(24, "a")}`;
}

/** The JSON of a finished chat completion; also used for batch results. */
export function chatCompletion(
  body: ChatBody,
  answer: ScriptedAnswer,
  requestIndex: number,
  options: WireServerOptions,
): Record<string, unknown> {
  return {
    id: `chatcmpl-${requestIndex}`,
    object: "chat.completion",
    created: 1_790_000_000,
    model: answer.model ?? body.model,
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: answer.text ?? null,
          ...(answer.reasoning === undefined ? {} : { reasoning_content: answer.reasoning }),
          ...(answer.toolCalls === undefined
            ? {}
            : {
                tool_calls: answer.toolCalls.map((call, index) => ({
                  id: callId(index, answer),
                  type: "function",
                  function: { name: call.name, arguments: call.arguments },
                })),
              }),
          refusal: null,
          annotations: [],
        },
        logprobs: null,
        finish_reason: finishReason(answer),
      },
    ],
    usage: usageOf(answer, body, options),
    service_tier: "default",
    system_fingerprint: "fp_test",
  };
}
