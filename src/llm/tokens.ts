import type { ProviderKind } from "#contracts";
import type { LlmMessage, LlmRequest, LlmTool } from "./types.ts";

/*
 * Token counts without a tokenizer: a tokenizer costs 0.4 µs per byte and 67 MB, one scan of the text about 2 ns per
 * character. Counts are estimates for reserving, trimming and for answers whose usage never came; bills use what the
 * provider reported. Characters fall into runs of one class (lower, upper, digit, space, other), as the pre-tokenizers
 * of all current models cut them.
 */

const LOWER = 1;
const UPPER = 2;
const DIGIT = 3;
const SPACE = 4;
const NEWLINE = 5;
const OTHER = 6;

const classes = new Uint8Array(128).map((_, code) => {
  if (code >= 97 && code <= 122) return LOWER;
  if (code >= 65 && code <= 90) return UPPER;
  if (code >= 48 && code <= 57) return DIGIT;
  if (code === 32 || code === 9) return SPACE;
  if (code === 10 || code === 13) return NEWLINE;
  return OTHER;
});

/** Tokens of a text: `expected` is the likely count, `bound` is at or above the count of current tokenizers. */
export interface TokenEstimate {
  expected: number;
  bound: number;
}

/** Most tokens per UTF-16 unit by script: Latin with accents, Thai, Arabic … 1; CJK and beyond 2 in the bound. */
function addForeign(code: number, estimate: TokenEstimate): void {
  if (code < 0x2e80) {
    estimate.expected += 0.45;
    estimate.bound += 1.1;
  } else {
    estimate.expected += 0.75;
    estimate.bound += 2;
  }
}

function addRun(kind: number, length: number, estimate: TokenEstimate): void {
  if (kind === LOWER || kind === UPPER) {
    estimate.expected += length <= 8 ? 1 : 1 + (length - 8) / 4;
    estimate.bound += 1 + (length - 1) / 1.8;
  } else if (kind === DIGIT) {
    estimate.expected += Math.ceil(length / 3);
    estimate.bound += Math.ceil(length / 2);
  } else if (kind === NEWLINE) {
    estimate.expected += 0.8;
    estimate.bound += 1 + length / 8;
  } else if (kind === SPACE) {
    // A single space belongs to the word that follows.
    if (length > 1) estimate.expected += 1;
    if (length > 1) estimate.bound += 1 + length / 8;
  } else {
    estimate.expected += 0.75 + (length - 1) / 4;
    estimate.bound += length;
  }
}

/** Adds the tokens of `text` to `estimate`. One pass, no allocation. */
export function addTextTokens(text: string, estimate: TokenEstimate): void {
  let runKind = 0;
  let runLength = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    const kind = code < 128 ? (classes[code] as number) : 0;
    if (kind === runKind && kind !== 0) {
      runLength += 1;
      continue;
    }
    // "Word" is one token like "word": a capital joins the lower-case run after it.
    if (kind === LOWER && runKind === UPPER && runLength === 1) {
      runKind = LOWER;
      runLength = 2;
      continue;
    }
    if (runKind !== 0) addRun(runKind, runLength, estimate);
    if (kind === 0) addForeign(code, estimate);
    runKind = kind;
    runLength = 1;
  }
  if (runKind !== 0) addRun(runKind, runLength, estimate);
}

/** The likely number of tokens of a text; 0 for an empty one. */
export function expectedTokens(text: string): number {
  const estimate = { expected: 0, bound: 0 };
  addTextTokens(text, estimate);
  return Math.ceil(estimate.expected);
}

/** Tokens a message costs beside its text: role and separators (OpenAI's cookbook names 3–4; 4 here). */
const MESSAGE_OVERHEAD = 4;
/** Tokens of the answer's opening. */
const REQUEST_OVERHEAD = 3;

function addMessage(message: LlmMessage, estimate: TokenEstimate): void {
  estimate.expected += MESSAGE_OVERHEAD;
  estimate.bound += MESSAGE_OVERHEAD;
  addTextTokens(message.content, estimate);
  if (message.role === "assistant" && message.toolCalls !== undefined) {
    for (const toolCall of message.toolCalls) {
      addTextTokens(toolCall.name, estimate);
      addTextTokens(toolCall.arguments, estimate);
      estimate.expected += 8;
      estimate.bound += 16;
    }
  } else if (message.role === "tool") {
    estimate.expected += 4;
    estimate.bound += 16;
  }
}

/** Tokens of one message with its overhead. */
export function messageTokens(message: LlmMessage): TokenEstimate {
  const estimate = { expected: 0, bound: 0 };
  addMessage(message, estimate);
  return estimate;
}

/** Tokens of the tool definitions as they stand in the prompt. */
export function toolTokens(tools: readonly LlmTool[]): TokenEstimate {
  const estimate = { expected: 0, bound: 0 };
  for (const tool of tools) {
    addTextTokens(tool.name, estimate);
    addTextTokens(tool.description, estimate);
    addTextTokens(JSON.stringify(tool.parameters), estimate);
    estimate.expected += 8;
    estimate.bound += 16;
  }
  // Anthropic adds a system prompt of up to about 350 tokens when tools are given.
  if (tools.length > 0) estimate.bound += 350;
  return estimate;
}

/** Tokens of a whole request. */
export function requestTokens(request: LlmRequest): TokenEstimate {
  const estimate = { expected: REQUEST_OVERHEAD, bound: REQUEST_OVERHEAD };
  for (const message of request.messages) addMessage(message, estimate);
  if (request.tools !== undefined && request.tools.length > 0) {
    const tools = toolTokens(request.tools);
    estimate.expected += tools.expected;
    estimate.bound += tools.bound;
  }
  if (request.responseFormat?.type === "json_schema") {
    addTextTokens(JSON.stringify(request.responseFormat.schema), estimate);
  }
  estimate.expected = Math.ceil(estimate.expected);
  estimate.bound = Math.ceil(estimate.bound);
  return estimate;
}

/** Tokenizers differ: the bound is made from OpenAI's, others cut the same text into more tokens. */
export function boundFactor(kind: ProviderKind): number {
  return kind === "anthropic" ? 1.4 : kind === "openai" || kind === "offline" ? 1 : 1.2;
}
