import type { BudgetLevel, CacheResult, LlmLane, ProviderKind } from "#contracts";

/** One turn of a conversation in Muster's own neutral form; the codecs translate it to a provider's wire format. */
export type LlmMessage =
  | { role: "system"; content: string }
  | { role: "user"; content: string }
  | { role: "assistant"; content: string; toolCalls?: LlmToolCall[] }
  | { role: "tool"; toolCallId: string; content: string };

export interface LlmToolCall {
  id: string;
  name: string;
  /** JSON text exactly as the model wrote it; it may be invalid and is parsed by the tool's schema, not here. */
  arguments: string;
}

export interface LlmTool {
  name: string;
  description: string;
  /** JSON Schema of the arguments. */
  parameters: Record<string, unknown>;
}

/** What is asked of a model. Everything in here can change the answer, so everything in here is part of the cache key. */
export interface LlmRequest {
  model: string;
  messages: LlmMessage[];
  tools?: LlmTool[];
  toolChoice?: "auto" | "none" | "required" | { name: string };
  maxOutputTokens?: number;
  temperature?: number;
  topP?: number;
  stop?: string[];
  seed?: number;
  responseFormat?:
    | { type: "text" }
    | { type: "json_object" }
    | { type: "json_schema"; name: string; schema: Record<string, unknown> };
  /**
   * `completion`: the one user message is a bare prompt, asked of the provider's text completions where it has them (else
   * as a chat). Default: chat.
   */
  form?: "completion";
  /** Models to try, in order, when `model` fails before its first token. */
  fallbackModels?: string[];
}

/** Who asks and what for. Never sent to a provider, never part of a cache key except `tenantId`. */
export interface LlmCallContext {
  /** Deterministic for calls of an execution, else a fresh UUIDv7. */
  callId: string;
  /** The user who pays; separates caches, limits and budgets. */
  tenantId: string;
  squadId: string | null;
  executionId: string | null;
  memberId: string | null;
  lane: LlmLane;
  cache: "auto" | "force" | "off";
  signal: AbortSignal;
  /** Epoch milliseconds after which waiting for a rate limit is pointless. */
  deadlineMs: number | null;
  /** False: nobody looks at frames before the end; the provider is then asked for one JSON body, which is cheaper. Default true. */
  stream?: boolean;
  /** Told once, before the first frame of a stream, what the cache did. */
  onBegin?: (cacheResult: CacheResult) => void;
  /**
   * The caller can void what it has shown: a call that breaks in the middle of its answer may be repeated after a
   * `reset` frame. Default: true for calls of an execution, else false.
   */
  allowReset?: boolean;
  /** Of a deferred call: epoch milliseconds at which it goes live. Default: `deadlineMs`. */
  liveAtMs?: number;
  /** Of a deferred call: the same when it is asked again after a restart, so that it joins its batch. Default: `callId`. */
  deferKey?: string;
  /** Where reservations and settlements go. Calls of an execution bring their journal; others use the gateway's own. */
  ledger?: CallLedger;
}

export interface LlmCall {
  request: LlmRequest;
  context: LlmCallContext;
}

/** What a stream consists of. A stream is complete only when its handler's promise resolves. */
export type LlmFrame =
  | { type: "text"; text: string }
  | { type: "reasoning"; text: string }
  | { type: "tool-call"; index: number; id?: string; name?: string; argumentsDelta: string }
  /** What was streamed so far is void; the answer starts again. */
  | { type: "reset"; reason: string }
  /** The call waits for a rate limit until this time (epoch ms). */
  | { type: "wait"; untilMs: number };

export type LlmFinishReason = "stop" | "length" | "tool_calls" | "content_filter";

/** Token counts. `inputTokens` includes cached reads and writes; `outputTokens` includes reasoning. */
export interface LlmUsage {
  inputTokens: number;
  cacheReadTokens: number;
  cacheWriteTokens: number;
  outputTokens: number;
  reasoningTokens: number;
  /** True when the provider did not say and Muster counted what it saw. */
  estimated: boolean;
}

export interface LlmReply {
  text: string;
  reasoning: string;
  toolCalls: LlmToolCall[];
  finishReason: LlmFinishReason;
  usage: LlmUsage;
  /** The model and provider that answered (a fallback may have). */
  model: string;
  provider: ProviderKind;
  accountId: string | null;
  /** Integer nano-USD, null when the price is not known. A cache hit costs 0 and says in `savedNanoUsd` what it saved. */
  costNanoUsd: number | null;
  savedNanoUsd: number | null;
  cacheResult: CacheResult;
  /** What the prompt layout dropped to fit the window; empty when nothing. */
  trimmed: { droppedMessages: number; droppedTokens: number } | null;
  attempts: number;
  latencyMs: number;
  timeToFirstTokenMs: number;
  rateWaitMs: number;
}

/**
 * The one function type of the gateway. Pushes frames as they come, resolves with the whole answer, rejects with an
 * `LlmError`. Push, not pull: a middleware that does not look at frames hands `onFrame` through at no cost per token.
 */
export type LlmHandler = (call: LlmCall, onFrame: (frame: LlmFrame) => void) => Promise<LlmReply>;
export type LlmMiddleware = (next: LlmHandler) => LlmHandler;

export interface ReserveRequest {
  callId: string;
  attempt: number;
  provider: ProviderKind;
  accountId: string | null;
  model: string;
  inputTokens: number;
  maxOutputTokens: number;
  /** Below this many output tokens the call is not worth making: budget_exceeded instead. */
  minOutputTokens: number;
  /** Null when the price of the model is not known: with any budget set the ledger must answer `price_unknown`. */
  inputCostNanoUsd: number | null;
  outputNanoUsdPerToken: number | null;
}

export type ReserveOutcome =
  | { outcome: "granted"; maxOutputTokens: number }
  | { outcome: "budget_exceeded"; level: BudgetLevel; limitNanoUsd: number; spentNanoUsd: number }
  | { outcome: "price_unknown"; level: BudgetLevel }
  /** The execution was cancelled, paused or taken over: do not open the socket. */
  | { outcome: "stop"; reason: string };

export interface SettleRequest {
  callId: string;
  attempt: number;
  outcome: "done" | "failed" | "cancelled";
  usage: LlmUsage;
  costNanoUsd: number | null;
}

/**
 * Contract: `reserve` is durable before it resolves `granted`, so that no socket opens without its intent on record;
 * `settle` may be called twice for the same attempt and counts once.
 */
export interface CallLedger {
  reserve(request: ReserveRequest): Promise<ReserveOutcome>;
  settle(request: SettleRequest): Promise<void>;
}
