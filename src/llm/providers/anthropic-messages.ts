import { LlmError } from "../errors.ts";
import { expectedTokens, requestTokens } from "../tokens.ts";
import type { LlmFinishReason, LlmFrame, LlmRequest, LlmToolCall, LlmUsage } from "../types.ts";
import { readAnthropicError, readAnthropicLimits } from "./anthropic-errors.ts";
import type { ResponseHeaders } from "./http-transport.ts";
import type { ProviderAnswer, ProviderLimits } from "./provider.ts";
import { type AnswerParser, parseEventJson } from "./wire-reader.ts";

/* Answers of Anthropic's messages API (https://platform.claude.com/docs/en/build-with-claude/streaming). */

interface WireUsage {
  input_tokens?: number | null;
  cache_creation_input_tokens?: number | null;
  cache_read_input_tokens?: number | null;
  output_tokens?: number | null;
  output_tokens_details?: { thinking_tokens?: number } | null;
}

interface WireBlock {
  type: string;
  text?: string;
  thinking?: string;
  id?: string;
  name?: string;
  input?: unknown;
}

interface WireEvent {
  type: string;
  index?: number;
  message?: { model?: string; usage?: WireUsage };
  content_block?: WireBlock;
  delta?: {
    type?: string;
    text?: string;
    thinking?: string;
    partial_json?: string;
    stop_reason?: string | null;
  };
  usage?: WireUsage;
  error?: unknown;
}

interface WireMessage {
  type?: string;
  model?: string;
  content?: WireBlock[];
  stop_reason?: string | null;
  usage?: WireUsage;
  error?: unknown;
}

/** Anthropic counts cached input beside `input_tokens`; in Muster it is part of it. */
export function readAnthropicUsage(usage: WireUsage): LlmUsage {
  const cacheReadTokens = usage.cache_read_input_tokens ?? 0;
  const cacheWriteTokens = usage.cache_creation_input_tokens ?? 0;
  return {
    inputTokens: (usage.input_tokens ?? 0) + cacheReadTokens + cacheWriteTokens,
    cacheReadTokens,
    cacheWriteTokens,
    outputTokens: usage.output_tokens ?? 0,
    reasoningTokens: usage.output_tokens_details?.thinking_tokens ?? 0,
    estimated: false,
  };
}

const finishReasons: Record<string, LlmFinishReason> = {
  end_turn: "stop",
  stop_sequence: "stop",
  pause_turn: "stop",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tool_calls",
  refusal: "content_filter",
};

/** Collects one message and hands on its pieces. */
export class MessagesParser implements AnswerParser {
  readonly #label: string;
  readonly #request: LlmRequest;
  readonly #onFrame: (frame: LlmFrame) => void;
  #text = "";
  #reasoning = "";
  readonly #toolCalls: LlmToolCall[] = [];
  /** Index of a content block → index of its tool call. */
  readonly #toolIndexes = new Map<number, number>();
  #stopReason: string | null = null;
  #usage: WireUsage | null = null;
  #model: string;
  #deltas = 0;
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
    const event = parseEventJson(data, this.#label) as WireEvent;
    switch (event?.type) {
      case "content_block_delta":
        this.#readDelta(event);
        break;
      case "content_block_start":
        if (event.content_block !== undefined) this.#readBlock(event.index ?? 0, event.content_block, false);
        break;
      case "message_start":
        this.#model = event.message?.model ?? this.#model;
        this.#usage = { ...event.message?.usage };
        break;
      case "message_delta":
        this.#stopReason = event.delta?.stop_reason ?? this.#stopReason;
        this.#mergeUsage(event.usage);
        break;
      case "message_stop":
        if (this.#usage === null) throw this.#unknownForm();
        this.done = true;
        break;
      case "error":
        throw readAnthropicError(undefined, event, {}, this.#label);
      case undefined:
        throw this.#unknownForm();
      default:
        // `ping`, `content_block_stop`, and what is added later: the documentation asks clients to ignore these.
        break;
    }
  }

  body(json: unknown): void {
    const message = json as WireMessage | null;
    if (message?.type === "error") throw readAnthropicError(undefined, message, {}, this.#label);
    if (!Array.isArray(message?.content)) throw this.#unknownForm();
    this.#model = message.model ?? this.#model;
    this.#usage = message.usage ?? null;
    this.#stopReason = message.stop_reason ?? null;
    for (const [index, block] of message.content.entries()) this.#readBlock(index, block, true);
    this.done = true;
  }

  answer(): Omit<ProviderAnswer, "timeToFirstTokenMs"> {
    return {
      text: this.#text,
      reasoning: this.#reasoning,
      toolCalls: this.#toolCalls,
      finishReason: finishReasons[this.#stopReason ?? ""] ?? (this.#toolCalls.length > 0 ? "tool_calls" : "stop"),
      usage: this.#usage === null ? this.seenUsage() : readAnthropicUsage(this.#usage),
      model: this.#model,
    };
  }

  /** Input is known from `message_start`; output is what was seen, since its count comes only at the end. */
  seenUsage(): LlmUsage {
    const reasoningTokens = expectedTokens(this.#reasoning);
    let seen = reasoningTokens + expectedTokens(this.#text);
    for (const call of this.#toolCalls) seen += expectedTokens(call.arguments) + expectedTokens(call.name);
    const known = this.#usage === null ? null : readAnthropicUsage(this.#usage);
    return {
      inputTokens: known?.inputTokens ?? requestTokens(this.#request).expected,
      cacheReadTokens: known?.cacheReadTokens ?? 0,
      cacheWriteTokens: known?.cacheWriteTokens ?? 0,
      outputTokens: Math.max(known?.outputTokens ?? 0, this.#deltas, seen),
      reasoningTokens: Math.max(known?.reasoningTokens ?? 0, reasoningTokens),
      // With the stop reason of a stream came the final count; a body that was cut may have the one without the other.
      estimated: known === null || this.#stopReason === null,
    };
  }

  error(status: number, body: unknown, headers: ResponseHeaders): LlmError {
    return readAnthropicError(status, body, headers, this.#label);
  }

  limits(headers: ResponseHeaders): ProviderLimits | null {
    return readAnthropicLimits(headers);
  }

  /** `message_delta` repeats cumulative counts; null or absent ones leave what `message_start` said. */
  #mergeUsage(usage: WireUsage | undefined): void {
    if (usage === undefined || this.#usage === null) return;
    for (const key of Object.keys(usage) as (keyof WireUsage)[]) {
      if (usage[key] !== null && usage[key] !== undefined) Object.assign(this.#usage, { [key]: usage[key] });
    }
  }

  #readDelta(event: WireEvent): void {
    const delta = event.delta;
    if (delta?.type === "text_delta" && delta.text) {
      this.#text += delta.text;
      this.#emit({ type: "text", text: delta.text });
    } else if (delta?.type === "thinking_delta" && delta.thinking) {
      this.#reasoning += delta.thinking;
      this.#emit({ type: "reasoning", text: delta.thinking });
    } else if (delta?.type === "input_json_delta") {
      const index = this.#toolIndexes.get(event.index ?? -1);
      const call = index === undefined ? undefined : this.#toolCalls[index];
      if (index === undefined || call === undefined) throw this.#unknownForm();
      const argumentsDelta = delta.partial_json ?? "";
      call.arguments += argumentsDelta;
      if (argumentsDelta !== "") this.#emit({ type: "tool-call", index, argumentsDelta });
    }
  }

  #readBlock(blockIndex: number, block: WireBlock, whole: boolean): void {
    if (block.type === "text" && block.text) {
      this.#text += block.text;
      this.#emit({ type: "text", text: block.text });
    } else if (block.type === "thinking" && block.thinking) {
      this.#reasoning += block.thinking;
      this.#emit({ type: "reasoning", text: block.thinking });
    } else if (block.type === "tool_use") {
      const index = this.#toolCalls.length;
      // A streamed block starts with `input: {}`; its real input follows as deltas.
      const argumentsDelta = whole ? JSON.stringify(block.input ?? {}) : "";
      const call = { id: block.id ?? `call_${index}`, name: block.name ?? "", arguments: argumentsDelta };
      this.#toolCalls.push(call);
      this.#toolIndexes.set(blockIndex, index);
      this.#emit({ type: "tool-call", index, id: call.id, name: call.name, argumentsDelta });
    }
  }

  #emit(frame: LlmFrame): void {
    this.started = true;
    this.#deltas += 1;
    this.#onFrame(frame);
  }

  #unknownForm(): LlmError {
    return new LlmError("protocol", `${this.#label} sent an answer of an unknown form.`);
  }
}
