import type { ProviderKind, ProviderWire } from "#contracts";
import type { LlmFinishReason, LlmFrame, LlmRequest, LlmToolCall, LlmUsage } from "../types.ts";

/** Where a call goes: one key at one address. `baseUrl` as the provider's own SDK takes it (OpenAI: with `/v1`). */
export interface ProviderAccount {
  id: string;
  /** Null: an account of the installation, open to every user. */
  tenantId: string | null;
  kind: ProviderKind;
  baseUrl: string;
  apiKey: string | null;
  /** Of OpenAI-compatible accounts: the format to speak. Default: chat completions, and responses for models that have nothing else. */
  wire?: ProviderWire;
  /** Model names this account offers; absent means whatever its kind is known for. */
  models?: readonly string[];
  /** The owner allows private and loopback addresses (a local Ollama). */
  allowPrivateAddress: boolean;
  /** Upper bound of requests per minute set by the owner; absent: learned from the provider's headers. */
  requestsPerMinute?: number;
  tokensPerMinute?: number;
  /** Prices set by the owner, by the provider's name of the model; they win over the kept table. */
  priceOverrides?: Readonly<Record<string, PriceOverride>>;
}

/** US dollars per million tokens. What is absent costs as input (or output) does. */
export interface PriceOverride {
  inputUsdPerMillion: number;
  outputUsdPerMillion: number;
  cacheReadUsdPerMillion?: number;
  cacheWriteUsdPerMillion?: number;
}

/** Milliseconds; each has its own error class. */
export interface ProviderTimeouts {
  connectMs: number;
  firstTokenMs: number;
  /** Between two frames of a stream. */
  idleMs: number;
  totalMs: number;
}

export const defaultTimeouts: ProviderTimeouts = {
  connectMs: 10_000,
  firstTokenMs: 120_000,
  idleMs: 60_000,
  totalMs: 900_000,
};

/** What the provider said of its limits in the response headers. Times are epoch milliseconds. */
export interface ProviderLimits {
  requestsLimit?: number;
  requestsRemaining?: number;
  requestsResetAtMs?: number;
  tokensLimit?: number;
  tokensRemaining?: number;
  tokensResetAtMs?: number;
}

export interface ProviderCall {
  account: ProviderAccount;
  /** `request.model` is the provider's own name of the model here, without Muster's `provider/` prefix. */
  request: LlmRequest;
  /** What the budget granted; always sent. */
  maxOutputTokens: number;
  /** False: nobody looks at frames before the end, so one JSON body is asked for; `onFrame` is then not called. */
  stream: boolean;
  timeouts: ProviderTimeouts;
  signal: AbortSignal;
  /** Where a provider that needs marks may cache: after tools and system prompt, and after the last message. */
  cacheSeams?: { prefix: boolean; history: boolean };
  /** Called when the request leaves on its socket; not called for one that never left. */
  onSent?: () => void;
  /** Called when the provider accepted the request (a 2xx status), before the answer itself. */
  onAccepted?: () => void;
  /** Called once per response that carries rate-limit headers, before its body, also for errors. */
  onLimits?: (limits: ProviderLimits) => void;
}

export interface ProviderAnswer {
  text: string;
  reasoning: string;
  toolCalls: LlmToolCall[];
  finishReason: LlmFinishReason;
  usage: LlmUsage;
  /** The model's name as the provider reports it (often with a date). */
  model: string;
  /** From the start of the call to its first frame (to the whole answer when not streamed). */
  timeToFirstTokenMs: number;
}

export interface ProviderPromptsCall {
  account: ProviderAccount;
  /** Its parameters; the prompts stand beside it. */
  request: LlmRequest;
  prompts: string[];
  maxOutputTokens: number;
  timeouts: ProviderTimeouts;
  signal: AbortSignal;
  onLimits?: (limits: ProviderLimits) => void;
}

export interface ProviderPromptsAnswer {
  /** In the order of the prompts; null where the provider left one out. */
  answers: ({ text: string; finishReason: LlmFinishReason } | null)[];
  /** Of all together; null when the provider did not say. */
  usage: LlmUsage | null;
}

export interface ProviderEmbeddingCall {
  account: ProviderAccount;
  model: string;
  inputs: string[];
  dimensions?: number;
  timeouts: ProviderTimeouts;
  signal: AbortSignal;
  onLimits?: (limits: ProviderLimits) => void;
}

export interface ProviderEmbeddingAnswer {
  /** In the order of `inputs`. */
  vectors: number[][];
  model: string;
  usage: LlmUsage;
}

export interface ProviderModel {
  /** The provider's own name. */
  id: string;
  name?: string;
  contextTokens?: number;
  maxOutputTokens?: number;
}

/**
 * One way to reach models.
 *
 * Contract: `complete` calls `onFrame` synchronously for every piece of the answer as it arrives (only `text`,
 * `reasoning` and `tool-call` frames) and resolves only after the provider's terminal event; everything else rejects
 * with an `LlmError` that carries what was seen (`seenUsage`) once a request may have been billed. Aborting `signal`
 * closes the socket and rejects with `cancelled`. It never retries.
 */
export interface ProviderClient {
  complete(call: ProviderCall, onFrame: (frame: LlmFrame) => void): Promise<ProviderAnswer>;
  /** Several prompts in one request, where `takesPromptArrays` says so. */
  completePrompts?(call: ProviderPromptsCall): Promise<ProviderPromptsAnswer>;
  embed?(call: ProviderEmbeddingCall): Promise<ProviderEmbeddingAnswer>;
  /** What the account offers now; rejects with `LlmError` when it cannot be asked. */
  listModels(account: ProviderAccount, signal: AbortSignal): Promise<ProviderModel[]>;
  close(): Promise<void>;
}
