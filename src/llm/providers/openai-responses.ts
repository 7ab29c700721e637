import { LlmError } from "../errors.ts";
import { expectedTokens, requestTokens } from "../tokens.ts";
import type { LlmFinishReason, LlmFrame, LlmMessage, LlmRequest, LlmToolCall, LlmUsage } from "../types.ts";
import type { ResponseHeaders } from "./http-transport.ts";
import { readOpenAiError, readOpenAiLimits } from "./openai-errors.ts";
import type { ProviderAccount, ProviderAnswer, ProviderCall, ProviderLimits } from "./provider.ts";
import { type AnswerParser, parseEventJson } from "./wire-reader.ts";

/*
 * The wire format of OpenAI's responses (https://platform.openai.com/docs/api-reference/responses and …/responses-streaming).
 * Nothing is stored at OpenAI (`store: false`): the conversation is Muster's and is sent whole.
 */

/** Models that OpenAI offers through responses alone (https://platform.openai.com/docs/models). */
const responsesOnly =
  /^(o1-pro|o3-pro|gpt-5(\.\d+)?-pro|gpt-5(\.\d+)?-codex|codex-|computer-use|o[34](-mini)?-deep-research)/;

/** Whether a model of the account is asked through responses: the account says so, or OpenAI has no other way to it. */
export function speaksResponses(account: ProviderAccount, model: string): boolean {
  if (account.kind === "openai_compatible") return account.wire === "responses";
  return account.kind === "openai" && (account.wire === "responses" || responsesOnly.test(model));
}

interface WireUsage {
  input_tokens?: number;
  input_tokens_details?: { cached_tokens?: number; cache_write_tokens?: number } | null;
  output_tokens?: number;
  output_tokens_details?: { reasoning_tokens?: number } | null;
}

interface WirePart {
  type?: string;
  text?: string;
  refusal?: string;
}

interface WireItem {
  type?: string;
  call_id?: string;
  name?: string;
  arguments?: string;
  content?: WirePart[] | null;
  summary?: WirePart[] | null;
}

interface WireResponse {
  status?: string;
  model?: string;
  output?: WireItem[];
  usage?: WireUsage | null;
  error?: { code?: string | null; message?: string } | null;
  incomplete_details?: { reason?: string } | null;
}

interface WireEvent {
  type?: string;
  delta?: string;
  output_index?: number;
  item?: WireItem;
  response?: WireResponse;
  code?: string | null;
  message?: string;
  error?: unknown;
}

function inputOf(message: LlmMessage): unknown[] {
  if (message.role === "tool") {
    return [{ type: "function_call_output", call_id: message.toolCallId, output: message.content }];
  }
  const said = message.content === "" ? [] : [{ role: message.role, content: message.content }];
  if (message.role !== "assistant") return [{ role: message.role, content: message.content }];
  const calls = (message.toolCalls ?? []).map(({ id, name, arguments: text }) => ({
    type: "function_call",
    call_id: id,
    name,
    arguments: text,
  }));
  return [...said, ...calls];
}

function formatOf(format: NonNullable<LlmRequest["responseFormat"]>): unknown {
  if (format.type !== "json_schema") return { type: format.type };
  return { type: "json_schema", name: format.name, schema: format.schema, strict: true };
}

/**
 * The request body without the stream flag; also a line's `body` in OpenAI's Batch API. Throws `bad_request` for stop
 * sequences, which this format does not have; `seed`, a hint everywhere, is left out.
 */
export function encodeResponsesBody(call: Pick<ProviderCall, "request" | "maxOutputTokens">): Record<string, unknown> {
  const { request } = call;
  if (request.stop !== undefined && request.stop.length > 0) {
    throw new LlmError("bad_request", `${request.model} takes no stop sequences; leave them out.`);
  }
  const body: Record<string, unknown> = {
    model: request.model,
    input: request.messages.flatMap(inputOf),
    store: false,
    // OpenAI refuses less than 16: what is granted is what is sent, so that the refusal is the caller's to see.
    max_output_tokens: call.maxOutputTokens,
  };
  if (request.tools !== undefined && request.tools.length > 0) {
    body.tools = request.tools.map(({ name, description, parameters }) => ({
      type: "function",
      name,
      description,
      parameters,
      strict: false,
    }));
    const choice = request.toolChoice;
    if (choice !== undefined) {
      body.tool_choice = typeof choice === "string" ? choice : { type: "function", name: choice.name };
    }
  }
  if (request.temperature !== undefined) body.temperature = request.temperature;
  if (request.topP !== undefined) body.top_p = request.topP;
  if (request.responseFormat !== undefined) body.text = { format: formatOf(request.responseFormat) };
  return body;
}

export function encodeResponsesRequest(call: ProviderCall): string {
  const body = encodeResponsesBody(call);
  if (call.stream) body.stream = true;
  return JSON.stringify(body);
}

function readResponsesUsage(usage: WireUsage): LlmUsage {
  const inputTokens = usage.input_tokens ?? 0;
  const outputTokens = usage.output_tokens ?? 0;
  return {
    inputTokens,
    cacheReadTokens: Math.min(inputTokens, usage.input_tokens_details?.cached_tokens ?? 0),
    cacheWriteTokens: usage.input_tokens_details?.cache_write_tokens ?? 0,
    outputTokens,
    reasoningTokens: Math.min(outputTokens, usage.output_tokens_details?.reasoning_tokens ?? 0),
    estimated: false,
  };
}

/** Collects one response and hands on its pieces. */
export class ResponsesParser implements AnswerParser {
  readonly #label: string;
  readonly #request: LlmRequest;
  readonly #onFrame: (frame: LlmFrame) => void;
  #text = "";
  #reasoning = "";
  readonly #toolCalls: LlmToolCall[] = [];
  /** Place among the tool calls by place in the output. */
  readonly #places = new Map<number, number>();
  #finishReason: LlmFinishReason = "stop";
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
    if (this.done || data === "[DONE]") return;
    const event = parseEventJson(data, this.#label) as WireEvent | null;
    if (typeof event !== "object" || event === null) {
      throw new LlmError("protocol", `${this.#label} sent an event of an unknown form.`);
    }
    const { type, delta = "", output_index: place = 0, item, response } = event;
    switch (type) {
      case "response.output_text.delta":
      case "response.refusal.delta":
        this.#say(delta);
        break;
      case "response.reasoning_text.delta":
      case "response.reasoning_summary_text.delta":
        this.#think(delta);
        break;
      case "response.output_item.added":
        if (item?.type === "function_call") this.#beginCall(place, item);
        break;
      case "response.function_call_arguments.delta":
        this.#continueCall(place, delta);
        break;
      case "response.created":
        if (response?.model !== undefined) this.#model = response.model;
        break;
      case "response.completed":
      case "response.incomplete":
      case "response.failed":
        this.#end(response ?? {});
        break;
      case "error": {
        const error = event.error ?? { message: event.message, code: event.code, type: event.code };
        throw readOpenAiError(undefined, { error }, {}, this.#label);
      }
      default:
    }
  }

  body(json: unknown): void {
    const response = json as (WireResponse & { error?: unknown }) | null;
    if (response?.error !== undefined && response.error !== null && response.output === undefined) {
      throw readOpenAiError(undefined, response, {}, this.#label);
    }
    if (response === null || !Array.isArray(response.output)) {
      throw new LlmError("protocol", `${this.#label} sent an answer without output.`);
    }
    for (const [place, item] of response.output.entries()) {
      for (const part of item.summary ?? []) this.#think(part.text ?? "");
      if (item.type === "function_call") this.#beginCall(place, item);
      for (const part of item.content ?? []) {
        if (item.type === "reasoning") this.#think(part.text ?? "");
        else this.#say(part.text ?? part.refusal ?? "");
      }
    }
    this.#end(response);
  }

  answer(): Omit<ProviderAnswer, "timeToFirstTokenMs"> {
    const cut = this.#finishReason !== "stop";
    return {
      text: this.#text,
      reasoning: this.#reasoning,
      toolCalls: this.#toolCalls,
      finishReason: !cut && this.#toolCalls.length > 0 ? "tool_calls" : this.#finishReason,
      usage: this.seenUsage(),
      model: this.#model,
    };
  }

  seenUsage(): LlmUsage {
    return this.#usage === null ? this.#estimate() : readResponsesUsage(this.#usage);
  }

  error(status: number, body: unknown, headers: ResponseHeaders): LlmError {
    return readOpenAiError(status, body, headers, this.#label);
  }

  limits(headers: ResponseHeaders): ProviderLimits | null {
    return readOpenAiLimits(headers, Date.now());
  }

  #end(response: WireResponse): void {
    if (response.model !== undefined) this.#model = response.model;
    if (response.usage !== undefined && response.usage !== null) this.#usage = response.usage;
    if (response.status === "failed" || (response.error !== undefined && response.error !== null)) {
      throw readOpenAiError(undefined, { error: response.error ?? {} }, {}, this.#label);
    }
    if (response.status === "incomplete") {
      this.#finishReason = response.incomplete_details?.reason === "content_filter" ? "content_filter" : "length";
    } else if (response.status !== undefined && response.status !== "completed") {
      throw new LlmError("protocol", `${this.#label} sent an answer that is ${response.status}.`);
    }
    this.done = true;
  }

  /** Providers send about a token an event; the text's estimate is the floor where several come at once. */
  #estimate(): LlmUsage {
    const reasoningTokens = expectedTokens(this.#reasoning);
    let seen = reasoningTokens + expectedTokens(this.#text);
    for (const call of this.#toolCalls) seen += expectedTokens(call.arguments) + expectedTokens(call.name);
    return {
      inputTokens: requestTokens(this.#request).expected,
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
      outputTokens: Math.max(this.#deltas, seen),
      reasoningTokens,
      estimated: true,
    };
  }

  #say(text: string): void {
    if (text === "") return;
    this.#text += text;
    this.#emit({ type: "text", text });
  }

  #think(text: string): void {
    if (text === "") return;
    this.#reasoning += text;
    this.#emit({ type: "reasoning", text });
  }

  #beginCall(place: number, item: WireItem): void {
    const index = this.#toolCalls.length;
    const call = { id: item.call_id || `call_${index}`, name: item.name ?? "", arguments: item.arguments ?? "" };
    this.#places.set(place, index);
    this.#toolCalls.push(call);
    this.#emit({ type: "tool-call", index, id: call.id, name: call.name, argumentsDelta: call.arguments });
  }

  #continueCall(place: number, argumentsDelta: string): void {
    const index = this.#places.get(place);
    const call = index === undefined ? undefined : this.#toolCalls[index];
    if (index === undefined || call === undefined) {
      throw new LlmError("protocol", `${this.#label} sent arguments of a tool call that it did not begin.`);
    }
    if (argumentsDelta === "") return;
    call.arguments += argumentsDelta;
    this.#emit({ type: "tool-call", index, argumentsDelta });
  }

  #emit(frame: LlmFrame): void {
    this.started = true;
    this.#deltas += 1;
    this.#onFrame(frame);
  }
}
