import type { LlmMessage, LlmRequest } from "../types.ts";
import type { ProviderCall } from "./provider.ts";

/*
 * Requests of Anthropic's messages API (https://platform.claude.com/docs/en/api/messages). Differences to OpenAI's:
 * the system prompt stands apart, tool results are blocks of a user turn, `max_tokens` is required, and what may be
 * cached is marked with `cache_control` (at most four marks; tools, system, then messages form the prefix).
 */

type Block = Record<string, unknown>;
interface Turn {
  role: "user" | "assistant";
  content: Block[];
}

const CACHE_MARK = { type: "ephemeral" };

/** The model's own JSON text as an object; the API takes nothing else. Invalid text is kept readable. */
function parseArguments(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text === "" ? "{}" : text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch {
    // The model wrote no JSON; it sees its own text again and the error its tool answered with.
  }
  return { invalid_arguments: text };
}

function encodeBlocks(message: Exclude<LlmMessage, { role: "system" }>): Turn {
  if (message.role === "user") return { role: "user", content: [{ type: "text", text: message.content }] };
  if (message.role === "tool") {
    return {
      role: "user",
      content: [{ type: "tool_result", tool_use_id: message.toolCallId, content: message.content }],
    };
  }
  const content: Block[] = message.content.trim() === "" ? [] : [{ type: "text", text: message.content }];
  for (const call of message.toolCalls ?? []) {
    content.push({ type: "tool_use", id: call.id, name: call.name, input: parseArguments(call.arguments) });
  }
  return { role: "assistant", content };
}

/** Turns of one role in a row are one turn: the results of parallel tool calls must stand together. */
function encodeTurns(messages: readonly LlmMessage[]): Turn[] {
  const turns: Turn[] = [];
  for (const message of messages) {
    if (message.role === "system") continue;
    const turn = encodeBlocks(message);
    if (turn.content.length === 0) continue;
    const last = turns.at(-1);
    if (last !== undefined && last.role === turn.role) last.content.push(...turn.content);
    else turns.push(turn);
  }
  return turns;
}

function encodeToolChoice(choice: NonNullable<LlmRequest["toolChoice"]>): Block {
  if (typeof choice !== "string") return { type: "tool", name: choice.name };
  return { type: choice === "required" ? "any" : choice };
}

const jsonInstruction = "Answer with one JSON object and nothing else.";

/** The request body without the stream flag; also an entry's `params` in Anthropic's Batch API. */
export function encodeMessagesBody(
  call: Pick<ProviderCall, "request" | "maxOutputTokens" | "cacheSeams">,
): Record<string, unknown> {
  const { request, cacheSeams } = call;
  const body: Record<string, unknown> = { model: request.model, max_tokens: call.maxOutputTokens };
  const system: Block[] = [];
  for (const message of request.messages) {
    if (message.role === "system" && message.content !== "") system.push({ type: "text", text: message.content });
  }
  if (request.responseFormat?.type === "json_object") system.push({ type: "text", text: jsonInstruction });
  const tools: Block[] = (request.tools ?? []).map(({ name, description, parameters }) => ({
    name,
    description,
    input_schema: parameters,
  }));
  const turns = encodeTurns(request.messages);
  if (cacheSeams?.prefix === true) {
    const seam = system.at(-1) ?? tools.at(-1);
    if (seam !== undefined) seam.cache_control = CACHE_MARK;
  }
  if (cacheSeams?.history === true) {
    const seam = turns.at(-1)?.content.at(-1);
    if (seam !== undefined) seam.cache_control = CACHE_MARK;
  }
  if (system.length > 0) body.system = system;
  if (tools.length > 0) {
    body.tools = tools;
    if (request.toolChoice !== undefined) body.tool_choice = encodeToolChoice(request.toolChoice);
  }
  body.messages = turns;
  if (request.temperature !== undefined) body.temperature = Math.min(1, request.temperature);
  if (request.topP !== undefined) body.top_p = request.topP;
  if (request.stop !== undefined) body.stop_sequences = request.stop;
  if (request.responseFormat?.type === "json_schema") {
    body.output_config = { format: { type: "json_schema", schema: request.responseFormat.schema } };
  }
  return body;
}

export function encodeMessagesRequest(call: ProviderCall): string {
  const body = encodeMessagesBody(call);
  if (call.stream) body.stream = true;
  return JSON.stringify(body);
}
