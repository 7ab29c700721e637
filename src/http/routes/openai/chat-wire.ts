import { AppError } from "#contracts";
import type { LlmFinishReason, LlmMessage, LlmRequest, LlmToolCall, LlmUsage } from "#llm";
import type { ChatCompletionBody, ChatMessage } from "./chat-schemas.ts";

/** A request of OpenAI's format in Muster's own form. */
export function toLlmRequest(body: ChatCompletionBody): LlmRequest {
  const maxOutputTokens = body.max_completion_tokens ?? body.max_tokens;
  const format = body.response_format;
  return {
    model: body.model,
    messages: body.messages.map(toLlmMessage),
    ...(body.tools
      ? {
          tools: body.tools.map(({ function: { name, description, parameters } }) => ({
            name,
            description: description ?? "",
            parameters: parameters ?? { type: "object", properties: {} },
          })),
        }
      : {}),
    ...(body.tool_choice === undefined
      ? {}
      : {
          toolChoice:
            typeof body.tool_choice === "string" ? body.tool_choice : { name: body.tool_choice.function.name },
        }),
    ...(maxOutputTokens === undefined || maxOutputTokens === null ? {} : { maxOutputTokens }),
    ...(typeof body.temperature === "number" ? { temperature: body.temperature } : {}),
    ...(typeof body.top_p === "number" ? { topP: body.top_p } : {}),
    ...(body.stop === undefined || body.stop === null ? {} : { stop: [body.stop].flat() }),
    ...(typeof body.seed === "number" ? { seed: body.seed } : {}),
    ...(format === undefined
      ? {}
      : {
          responseFormat:
            format.type === "json_schema"
              ? { type: format.type, name: format.json_schema.name, schema: format.json_schema.schema ?? {} }
              : format,
        }),
  };
}

function toLlmMessage(message: ChatMessage): LlmMessage {
  const { content: given } = message;
  const content =
    given === undefined || given === null
      ? ""
      : typeof given === "string"
        ? given
        : given.map((part) => part.text).join("");
  switch (message.role) {
    case "system":
    case "developer":
      return { role: "system", content };
    case "user":
      return { role: "user", content };
    case "tool":
      if (message.tool_call_id === undefined) {
        throw new AppError("validation_failed", "messages: a message of role tool needs tool_call_id.");
      }
      return { role: "tool", toolCallId: message.tool_call_id, content };
    case "assistant": {
      const toolCalls = message.tool_calls?.map(({ id, function: { name, arguments: text } }) => ({
        id,
        name,
        arguments: text,
      }));
      return { role: "assistant", content, ...(toolCalls && toolCalls.length > 0 ? { toolCalls } : {}) };
    }
  }
}

/** Facts that every chunk and answer of one completion repeats. */
export interface CompletionHead {
  id: string;
  created: number;
  model: string;
}

export function toWireUsage(usage: Pick<LlmUsage, "inputTokens" | "outputTokens"> & Partial<LlmUsage>): object {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    prompt_tokens_details: { cached_tokens: usage.cacheReadTokens ?? 0 },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens ?? 0 },
  };
}

/** The whole answer of a request that does not stream. */
export function toCompletion(
  head: CompletionHead,
  reply: { text: string; toolCalls: LlmToolCall[]; finishReason: LlmFinishReason },
  usage: object,
): object {
  return {
    ...head,
    object: "chat.completion",
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: reply.text === "" && reply.toolCalls.length > 0 ? null : reply.text,
          refusal: null,
          ...(reply.toolCalls.length > 0
            ? {
                tool_calls: reply.toolCalls.map(({ id, name, arguments: text }) => ({
                  id,
                  type: "function",
                  function: { name, arguments: text },
                })),
              }
            : {}),
        },
        logprobs: null,
        finish_reason: reply.finishReason,
      },
    ],
    usage,
  };
}

/** One frame of a streamed answer. */
export function toChunk(head: CompletionHead, delta: object, finishReason: LlmFinishReason | null = null): string {
  const choices = [{ index: 0, delta, logprobs: null, finish_reason: finishReason }];
  return `data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", choices })}\n\n`;
}

/** The frame with the bill, for clients that ask for it (`stream_options.include_usage`). */
export function toUsageChunk(head: CompletionHead, usage: object): string {
  return `data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", choices: [], usage })}\n\n`;
}

export const lastFrame = "data: [DONE]\n\n";
