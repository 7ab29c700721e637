import type { GatewayCall, GatewayMiddleware } from "../call-state.ts";
import { LlmError } from "../errors.ts";
import { DEFAULT_MAX_OUTPUT_TOKENS } from "../known-models.ts";
import { messageTokens } from "../tokens.ts";
import type { LlmMessage, LlmRequest } from "../types.ts";

/*
 * Prompt layout. Promise: what does not change between the calls of one piece of work comes first and byte for byte the
 * same (system messages, tools by name), so that the providers' prefix caches hit; a system message that stands twice is
 * sent once; a history that outgrows the model's window is rid first of tool results that stand in it twice, then of its
 * oldest turns, never of the system prompt, the task (the first user message) or the last turn, with a note in their
 * place and the loss recorded on the call. Nothing else of the meaning is touched, and a prompt that cannot fit is
 * refused before it costs anything.
 */
export function promptLayoutMiddleware(): GatewayMiddleware {
  return (next) => (call, onFrame) => {
    try {
      call.request = layOut(call);
    } catch (error) {
      return Promise.reject(error);
    }
    return next(call, onFrame);
  };
}

/** Below this the providers do not cache a prefix (Anthropic: 1,024–4,096 tokens by model, OpenAI: 1,024). */
const CACHEABLE_PREFIX_CHARACTERS = 4096;

function layOut(call: GatewayCall): LlmRequest {
  const { state } = call;
  let { request } = call;
  const { messages, tools } = request;
  let length = 0;
  let systemLength = 0;
  let systems = 0;
  let systemIsFirst = true;
  let hasAnswers = false;
  for (let index = 0; index < messages.length; index += 1) {
    const message = messages[index] as LlmMessage;
    length += message.content.length;
    if (message.role === "system") {
      systemLength += message.content.length;
      if (index !== systems) systemIsFirst = false;
      systems += 1;
    } else if (message.role === "assistant") {
      hasAnswers = true;
      for (const toolCall of message.toolCalls ?? []) length += toolCall.arguments.length;
    }
  }
  if (!systemIsFirst || systems > 1) request = { ...request, messages: systemFirst(messages) };
  if (tools !== undefined && tools.length > 1 && !isSorted(tools)) {
    request = { ...request, tools: [...tools].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)) };
  }
  const repeated = hasAnswers || call.context.executionId !== null;
  if (repeated && state.candidate.account.kind === "anthropic") {
    const toolLength = tools === undefined || tools.length === 0 ? 0 : JSON.stringify(tools).length;
    state.cacheSeams = {
      prefix: systemLength + toolLength >= CACHEABLE_PREFIX_CHARACTERS,
      history: hasAnswers && length + toolLength >= CACHEABLE_PREFIX_CHARACTERS,
    };
  }
  const window = state.candidate.contextTokens;
  // No text has more than two tokens a character in the bound: most prompts need no count here.
  if (window === null || length * 2 + (tools?.length ?? 0) * 2000 < window / 2) return request;
  return fit(call, request, window);
}

function isSorted(tools: NonNullable<LlmRequest["tools"]>): boolean {
  return tools.every((tool, index) => index === 0 || (tools[index - 1] as { name: string }).name <= tool.name);
}

function systemFirst(messages: readonly LlmMessage[]): LlmMessage[] {
  const seen = new Set<string>();
  const systems = messages.filter((message) => {
    if (message.role !== "system" || seen.has(message.content)) return false;
    seen.add(message.content);
    return true;
  });
  return [...systems, ...messages.filter((message) => message.role !== "system")];
}

/** A turn: a user message, or an answer with the results of its tool calls, which only make sense together. */
function turnsOf(messages: readonly LlmMessage[]): LlmMessage[][] {
  const turns: LlmMessage[][] = [];
  for (const message of messages) {
    const last = turns.at(-1);
    if (message.role === "tool" && last !== undefined) last.push(message);
    else turns.push([message]);
  }
  return turns;
}

/** Shorter ones are not worth a note in their place. */
const REPEAT_CHARACTERS = 400;
const repeatNote = "[The same result stands further down in this conversation.]";

/** Of equal tool results the last one stays whole. */
function withoutRepeats(given: readonly LlmMessage[]): {
  messages: LlmMessage[];
  repeats: number;
  savedTokens: number;
} {
  const seen = new Set<string>();
  let repeats = 0;
  let savedTokens = 0;
  const messages = given.toReversed().map((message): LlmMessage => {
    if (message.role !== "tool" || message.content.length < REPEAT_CHARACTERS) return message;
    if (!seen.has(message.content)) {
      seen.add(message.content);
      return message;
    }
    const short = { ...message, content: repeatNote };
    repeats += 1;
    savedTokens += Math.floor(messageTokens(message).expected - messageTokens(short).expected);
    return short;
  });
  return { messages: messages.reverse(), repeats, savedTokens };
}

function fit(call: GatewayCall, request: LlmRequest, window: number): LlmRequest {
  const { state } = call;
  const changed = { ...call, request };
  state.forgetTokens();
  const asked = Math.min(request.maxOutputTokens ?? DEFAULT_MAX_OUTPUT_TOKENS, Math.floor(window / 4));
  const room = window - asked;
  // The likely count decides, with a tenth to spare: the bound would throw away half of a history that fits.
  let tokens = state.inputTokens(changed).expected * 1.1;
  if (tokens <= room) return request;
  const { messages, repeats, savedTokens } = withoutRepeats(request.messages);
  tokens -= savedTokens * 1.1;
  state.forgetTokens();
  if (tokens <= room) {
    state.trimmed = { droppedMessages: repeats, droppedTokens: savedTokens };
    return { ...request, messages };
  }
  const systems = messages.filter((message) => message.role === "system");
  const turns = turnsOf(messages.filter((message) => message.role !== "system"));
  const task = turns.findIndex((turn) => turn[0]?.role === "user");
  const dropped = new Set<number>();
  let droppedTokens = 0;
  for (let index = 0; index < turns.length - 1 && tokens > room; index += 1) {
    if (index === task) continue;
    const size = (turns[index] as LlmMessage[]).reduce((sum, message) => sum + messageTokens(message).expected, 0);
    dropped.add(index);
    droppedTokens += Math.ceil(size);
    tokens -= size * 1.1;
  }
  if (tokens > room) {
    throw new LlmError(
      "context_too_long",
      `The prompt has about ${Math.round(tokens)} tokens, more than the ${room} that ${state.candidate.model} takes beside its answer.`,
    );
  }
  const droppedMessages = [...dropped].reduce((sum, index) => sum + (turns[index] as LlmMessage[]).length, 0);
  state.trimmed = { droppedMessages: droppedMessages + repeats, droppedTokens: droppedTokens + savedTokens };
  const note: LlmMessage = {
    role: "user",
    content: `[${droppedMessages} earlier messages of this conversation were left out here to fit the model's window.]`,
  };
  const first = [...dropped][0] as number;
  const kept = turns.flatMap((turn, index) => (index === first ? [note] : dropped.has(index) ? [] : turn));
  return { ...request, messages: [...systems, ...kept] };
}
