import { LlmError } from "../errors.ts";
import { expectedTokens, requestTokens } from "../tokens.ts";
import type { LlmFinishReason, LlmFrame, LlmMessage, LlmRequest, LlmToolCall, LlmUsage } from "../types.ts";
import type { ResponseHeaders } from "./http-transport.ts";
import { readOpenAiError, readOpenAiLimits } from "./openai-errors.ts";
import type { ProviderAnswer, ProviderCall, ProviderLimits } from "./provider.ts";
import { type AnswerParser, parseEventJson } from "./wire-reader.ts";

/*
 * The wire format of OpenAI's chat completions (https://platform.openai.com/docs/api-reference/chat), also spoken by
 * Google's `/v1beta/openai`, Groq, Ollama, vLLM, LM Studio and llama.cpp; where these differ, it is said below.
 */

interface WireToolCall {
  index?: number;
  id?: string;
  function?: { name?: string; arguments?: string };
}

interface WireMessage {
  content?: string | null;
  /** DeepSeek, vLLM, LM Studio. */
  reasoning_content?: string | null;
  /** Groq, OpenRouter, Ollama. */
  reasoning?: string | null;
  refusal?: string | null;
  tool_calls?: WireToolCall[] | null;
}

interface WireUsage {
  prompt_tokens?: number;
  completion_tokens?: number;
  total_tokens?: number;
  prompt_tokens_details?: { cached_tokens?: number; cache_write_tokens?: number } | null;
  completion_tokens_details?: { reasoning_tokens?: number } | null;
  /** DeepSeek's name for cached input. */
  prompt_cache_hit_tokens?: number;
}

interface WireChunk {
  model?: string;
  choices?: { delta?: WireMessage; message?: WireMessage; finish_reason?: string | null }[];
  usage?: WireUsage | null;
  error?: unknown;
}

function encodeMessage(message: LlmMessage): unknown {
  if (message.role === "tool") return { role: "tool", tool_call_id: message.toolCallId, content: message.content };
  if (message.role !== "assistant" || message.toolCalls === undefined || message.toolCalls.length === 0) {
    return { role: message.role, content: message.content };
  }
  return {
    role: "assistant",
    content: message.content === "" ? null : message.content,
    tool_calls: message.toolCalls.map((call) => ({
      id: call.id,
      type: "function",
      function: { name: call.name, arguments: call.arguments },
    })),
  };
}

function encodeResponseFormat(format: NonNullable<LlmRequest["responseFormat"]>): unknown {
  if (format.type !== "json_schema") return { type: format.type };
  return { type: "json_schema", json_schema: { name: format.name, schema: format.schema, strict: true } };
}

/** The request body without the stream flags; also a line's `body` in OpenAI's Batch API. */
export function encodeChatBody(
  call: Pick<ProviderCall, "account" | "request" | "maxOutputTokens">,
): Record<string, unknown> {
  const { request } = call;
  const body: Record<string, unknown> = { model: request.model, messages: request.messages.map(encodeMessage) };
  if (request.tools !== undefined && request.tools.length > 0) {
    body.tools = request.tools.map(({ name, description, parameters }) => ({
      type: "function",
      function: { name, description, parameters },
    }));
    if (request.toolChoice !== undefined) {
      body.tool_choice =
        typeof request.toolChoice === "string"
          ? request.toolChoice
          : { type: "function", function: { name: request.toolChoice.name } };
    }
  }
  // OpenAI's reasoning models refuse `max_tokens`; compatible servers know nothing else.
  body[call.account.kind === "openai" ? "max_completion_tokens" : "max_tokens"] = call.maxOutputTokens;
  if (request.temperature !== undefined) body.temperature = request.temperature;
  if (request.topP !== undefined) body.top_p = request.topP;
  if (request.stop !== undefined) body.stop = request.stop;
  if (request.seed !== undefined) body.seed = request.seed;
  if (request.responseFormat !== undefined) body.response_format = encodeResponseFormat(request.responseFormat);
  return body;
}

export function encodeChatRequest(call: ProviderCall): string {
  const body = encodeChatBody(call);
  if (call.stream) {
    body.stream = true;
    body.stream_options = { include_usage: true };
  }
  return JSON.stringify(body);
}

/** OpenAI's counts in Muster's: cached input is part of `prompt_tokens`, reasoning part of `completion_tokens`. */
export function readUsage(usage: WireUsage): LlmUsage {
  const inputTokens = usage.prompt_tokens ?? 0;
  const said = usage.completion_tokens ?? 0;
  // Google leaves its thinking out of `completion_tokens` but bills it; the total has it.
  const outputTokens = Math.max(said, (usage.total_tokens ?? 0) - inputTokens);
  return {
    inputTokens,
    cacheReadTokens: Math.min(
      inputTokens,
      usage.prompt_tokens_details?.cached_tokens ?? usage.prompt_cache_hit_tokens ?? 0,
    ),
    cacheWriteTokens: usage.prompt_tokens_details?.cache_write_tokens ?? 0,
    outputTokens,
    reasoningTokens: Math.min(outputTokens, usage.completion_tokens_details?.reasoning_tokens ?? outputTokens - said),
    estimated: false,
  };
}

function readFinishReason(reason: string | null, hasToolCalls: boolean): LlmFinishReason {
  if (reason === "length" || reason === "content_filter") return reason;
  // Ollama and older servers say "stop" after tool calls; `function_call` is the name before tools.
  return hasToolCalls || reason === "tool_calls" || reason === "function_call" ? "tool_calls" : "stop";
}

/** Collects the answer to one chat completion and hands on its pieces. */
export class ChatParser implements AnswerParser {
  readonly #label: string;
  readonly #request: LlmRequest;
  readonly #onFrame: (frame: LlmFrame) => void;
  #text = "";
  #reasoning = "";
  #toolCalls: LlmToolCall[] = [];
  #finishReason: string | null = null;
  #usage: WireUsage | null = null;
  #model: string;
  #deltas = 0;
  #accepted = false;
  started = false;
  done = false;

  constructor(request: LlmRequest, label: string, onFrame: (frame: LlmFrame) => void) {
    this.#request = request;
    this.#label = label;
    this.#onFrame = onFrame;
    this.#model = request.model;
  }

  event(data: string): void {
    if (this.done) return;
    if (data === "[DONE]") {
      if (!this.#accepted) throw new LlmError("protocol", `${this.#label} ended its stream without an answer.`);
      this.done = true;
      return;
    }
    const chunk = parseEventJson(data, this.#label) as WireChunk;
    if (typeof chunk !== "object" || chunk === null) {
      throw new LlmError("protocol", `${this.#label} sent an event of an unknown form.`);
    }
    if (chunk.error !== undefined && chunk.error !== null) throw readOpenAiError(undefined, chunk, {}, this.#label);
    this.#read(chunk, chunk.choices?.[0]?.delta);
  }

  body(json: unknown): void {
    const answer = json as WireChunk | null;
    if (answer?.error !== undefined && answer.error !== null) throw readOpenAiError(undefined, answer, {}, this.#label);
    const message = answer?.choices?.[0]?.message;
    if (answer === null || message === undefined) {
      throw new LlmError("protocol", `${this.#label} sent an answer without a message.`);
    }
    this.#read(answer, message);
    this.done = true;
  }

  answer(): Omit<ProviderAnswer, "timeToFirstTokenMs"> {
    return {
      text: this.#text,
      reasoning: this.#reasoning,
      toolCalls: this.#toolCalls.filter((call) => call !== undefined),
      finishReason: readFinishReason(this.#finishReason, this.#toolCalls.length > 0),
      usage: this.#usage === null ? this.#estimate() : readUsage(this.#usage),
      model: this.#model,
    };
  }

  seenUsage(): LlmUsage {
    return this.#usage === null ? this.#estimate() : readUsage(this.#usage);
  }

  error(status: number, body: unknown, headers: ResponseHeaders): LlmError {
    return readOpenAiError(status, body, headers, this.#label);
  }

  limits(headers: ResponseHeaders): ProviderLimits | null {
    return readOpenAiLimits(headers, Date.now());
  }

  /** Providers send about a token an event; the text's estimate is the floor where several come at once. */
  #estimate(): LlmUsage {
    const reasoningTokens = expectedTokens(this.#reasoning);
    let seen = reasoningTokens + expectedTokens(this.#text);
    for (const call of this.#toolCalls)
      seen += expectedTokens(call?.arguments ?? "") + expectedTokens(call?.name ?? "");
    return {
      inputTokens: requestTokens(this.#request).expected,
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
      outputTokens: Math.max(this.#deltas, seen),
      reasoningTokens,
      estimated: true,
    };
  }

  #read(chunk: WireChunk, message: WireMessage | undefined): void {
    if (chunk.model !== undefined && chunk.model !== "") this.#model = chunk.model;
    if (chunk.usage !== undefined && chunk.usage !== null) this.#usage = chunk.usage;
    const choice = chunk.choices?.[0];
    if (choice === undefined) return;
    this.#accepted = true;
    if (choice.finish_reason !== undefined && choice.finish_reason !== null) this.#finishReason = choice.finish_reason;
    if (message === undefined || message === null) return;
    const reasoning = message.reasoning_content ?? message.reasoning;
    if (typeof reasoning === "string" && reasoning !== "") {
      this.#reasoning += reasoning;
      this.#emit({ type: "reasoning", text: reasoning });
    }
    const text = message.content ?? message.refusal;
    if (typeof text === "string" && text !== "") {
      this.#text += text;
      this.#emit({ type: "text", text });
    }
    if (message.tool_calls !== undefined && message.tool_calls !== null) this.#readToolCalls(message.tool_calls);
  }

  #readToolCalls(calls: WireToolCall[]): void {
    for (const [position, delta] of calls.entries()) {
      const index = delta.index ?? position;
      if (!Number.isInteger(index) || index < 0 || index > 1000) {
        throw new LlmError("protocol", `${this.#label} sent a tool call with a bad index.`);
      }
      let call = this.#toolCalls[index];
      if (call === undefined) {
        // Some local servers give no id; the answer to the call needs one.
        call = { id: delta.id || `call_${index}`, name: delta.function?.name ?? "", arguments: "" };
        this.#toolCalls[index] = call;
        call.arguments = delta.function?.arguments ?? "";
        this.#emit({ type: "tool-call", index, id: call.id, name: call.name, argumentsDelta: call.arguments });
      } else {
        const argumentsDelta = delta.function?.arguments ?? "";
        call.arguments += argumentsDelta;
        if (argumentsDelta !== "") this.#emit({ type: "tool-call", index, argumentsDelta });
      }
    }
  }

  #emit(frame: LlmFrame): void {
    this.started = true;
    this.#deltas += 1;
    this.#onFrame(frame);
  }
}
