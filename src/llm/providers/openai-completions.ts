import { LlmError } from "../errors.ts";
import type { LlmFinishReason, LlmFrame, LlmRequest, LlmUsage } from "../types.ts";
import type { ResponseHeaders } from "./http-transport.ts";
import { ChatParser, readUsage } from "./openai-chat.ts";
import type { ProviderAccount, ProviderAnswer, ProviderLimits, ProviderPromptsAnswer } from "./provider.ts";
import { type AnswerParser, parseEventJson } from "./wire-reader.ts";

/*
 * OpenAI's text completions (https://platform.openai.com/docs/api-reference/completions), also spoken by vLLM, LM Studio
 * and llama.cpp: `prompt` may be an array, and the choices then come by `index`.
 */

const completionModels = /instruct|^davinci|^babbage/;

/**
 * Whether the account answers `/completions` for the model, prompt arrays included: OpenAI only for its last text models,
 * compatible servers for all. Google and Anthropic have no such endpoint, Ollama's takes one prompt.
 */
export function takesPromptArrays(account: ProviderAccount, model: string): boolean {
  return account.kind === "openai_compatible" || (account.kind === "openai" && completionModels.test(model));
}

/** The request's body for these prompts. */
export function encodeCompletionBody(
  request: LlmRequest,
  prompts: string | readonly string[],
  maxOutputTokens: number,
): Record<string, unknown> {
  const { model, temperature, topP, stop, seed } = request;
  return {
    model,
    prompt: prompts,
    max_tokens: maxOutputTokens,
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { top_p: topP }),
    ...(stop === undefined ? {} : { stop }),
    ...(seed === undefined ? {} : { seed }),
  };
}

/** The one prompt of a request of this form. */
export function promptOf(request: LlmRequest): string {
  return request.messages.at(-1)?.content ?? "";
}

interface WireCompletion {
  choices?: { index?: number; text?: string; finish_reason?: string | null }[];
  usage?: Parameters<typeof readUsage>[0] | null;
}

/** The answer to one prompt, streamed or not: each chunk is read as that of a chat with this text. */
export class CompletionParser implements AnswerParser {
  readonly #chat: ChatParser;
  readonly #label: string;

  constructor(request: LlmRequest, label: string, onFrame: (frame: LlmFrame) => void) {
    this.#chat = new ChatParser(request, label, onFrame);
    this.#label = label;
  }

  get started(): boolean {
    return this.#chat.started;
  }

  get done(): boolean {
    return this.#chat.done;
  }

  event(data: string): void {
    if (data === "[DONE]") {
      this.#chat.event(data);
      return;
    }
    const chunk = parseEventJson(data, this.#label) as WireCompletion | null;
    const choices = chunk?.choices?.map(({ text, finish_reason: reason }) => ({
      delta: { content: text },
      finish_reason: reason,
    }));
    this.#chat.event(JSON.stringify(choices === undefined ? chunk : { ...chunk, choices }));
  }

  body(json: unknown): void {
    const answer = json as WireCompletion | null;
    const choices = answer?.choices?.map(({ text, finish_reason: reason }) => ({
      message: { content: text },
      finish_reason: reason,
    }));
    this.#chat.body(choices === undefined ? answer : { ...answer, choices });
  }

  answer(): Omit<ProviderAnswer, "timeToFirstTokenMs"> {
    return this.#chat.answer();
  }

  seenUsage(): LlmUsage {
    return this.#chat.seenUsage();
  }

  error(status: number, body: unknown, headers: ResponseHeaders): LlmError {
    return this.#chat.error(status, body, headers);
  }

  limits(headers: ResponseHeaders): ProviderLimits | null {
    return this.#chat.limits(headers);
  }
}

/** Reads the answer to several prompts; one that is missing is null. Throws `protocol` for what is no such answer. */
export function readPromptsAnswer(json: unknown, count: number): ProviderPromptsAnswer {
  const { choices, usage } = (json ?? {}) as WireCompletion;
  if (!Array.isArray(choices)) throw new LlmError("protocol", "The provider's answer has no completions.");
  const answers: ProviderPromptsAnswer["answers"] = Array.from({ length: count }, () => null);
  for (const [position, { index = position, text, finish_reason: reason }] of choices.entries()) {
    if (typeof text !== "string" || !Number.isInteger(index) || index < 0 || index >= count) continue;
    const finishReason: LlmFinishReason = reason === "length" || reason === "content_filter" ? reason : "stop";
    answers[index] = { text, finishReason };
  }
  return { answers, usage: usage === undefined || usage === null ? null : readUsage(usage) };
}
