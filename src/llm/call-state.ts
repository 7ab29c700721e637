import type { CacheResult } from "#contracts";
import type { LlmError } from "./errors.ts";
import { costOf } from "./prices.ts";
import type { Candidate } from "./routing.ts";
import { boundFactor, requestTokens, type TokenEstimate } from "./tokens.ts";
import type { LlmCall, LlmFrame, LlmReply, LlmUsage, SettleRequest } from "./types.ts";

export type FrameSink = (frame: LlmFrame) => void;

/** A call on its way through the middleware: what was asked, and what the middleware found out so far. */
export interface GatewayCall extends LlmCall {
  state: CallState;
}

/** The gateway's one function type with its own state; a middleware wraps the next handler. */
export type GatewayHandler = (call: GatewayCall, onFrame: FrameSink) => Promise<LlmReply>;
export type GatewayMiddleware = (next: GatewayHandler) => GatewayHandler;

/** One attempt's place in the windows of its account. */
export interface RatePermit {
  readonly onSent: () => void;
  readonly onAccepted: () => void;
  /** Once per attempt. */
  end(usage: LlmUsage | null, error: LlmError | null): void;
}

/** Of one call; written by the middleware named beside each field. */
export class CallState {
  readonly startedAt = performance.now();
  /** In the order in which they are tried. */
  readonly candidates: readonly Candidate[];
  /** retry: which candidate is in use. */
  candidateIndex = 0;
  /** retry: attempts so far, over all candidates; the number of the current one. */
  attempt = 1;
  /** cache: null when the call may not be cached or shared. */
  cacheKey: string | null = null;
  cacheResult: CacheResult = "bypass";
  /** budget: what may be asked for at most. */
  maxOutputTokens = 0;
  /** prompt layout. */
  trimmed: LlmReply["trimmed"] = null;
  cacheSeams: { prefix: boolean; history: boolean } | null = null;
  /** rate governor. */
  rateWaitMs = 0;
  /** trace: when the caller got its first frame; 0 before. */
  firstFrameAt = 0;
  /** provider: time spent waiting for providers, over all attempts. */
  providerMs = 0;
  /** provider: from the start of the last attempt to its first token. */
  providerFirstTokenMs = 0;
  /** usage: sums over all attempts that may have been billed. Null cost: some of it has no known price. */
  spentUsage: LlmUsage | null = null;
  spentNanoUsd: number | null = 0;
  /** batch lane: the part of the price that is charged. */
  discount = 1;
  /** Set by budget for retry: reserves for another attempt; throws `budget_exceeded` and the like. */
  reserve: (() => Promise<void>) | null = null;
  /** Set by budget for retry: ends the current attempt in the ledger. */
  settle: ((outcome: SettleRequest["outcome"], usage: LlmUsage | undefined) => Promise<void>) | null = null;
  /** Set by the rate governor for retry: waits for a place of another attempt. */
  acquire: (() => Promise<void> | undefined) | null = null;
  /** Set by the rate governor for the provider: the place of the current attempt. */
  permit: RatePermit | null = null;
  #tokens: TokenEstimate | null = null;

  constructor(candidates: readonly Candidate[]) {
    this.candidates = candidates;
  }

  get candidate(): Candidate {
    return this.candidates[this.candidateIndex] as Candidate;
  }

  /** Estimated input tokens for the current candidate; the scan of the text is made once a call. */
  inputTokens(call: LlmCall): TokenEstimate {
    this.#tokens ??= requestTokens(call.request);
    const factor = boundFactor(this.candidate.account.kind);
    return { expected: this.#tokens.expected, bound: Math.ceil(this.#tokens.bound * factor) };
  }

  /** Nano-USD of one attempt with the current candidate; null when its price is not known. */
  costOf(usage: LlmUsage): number | null {
    const { price } = this.candidate;
    return price === null ? null : costOf(price, usage, this.discount);
  }

  /** The request was changed: count again. */
  forgetTokens(): void {
    this.#tokens = null;
  }
}

/** Whether a call that broke after its first frame may start again. */
export function mayReset(call: LlmCall): boolean {
  return call.context.allowReset ?? call.context.executionId !== null;
}

export function addUsage(sum: LlmUsage | null, usage: LlmUsage): LlmUsage {
  if (sum === null) return usage;
  return {
    inputTokens: sum.inputTokens + usage.inputTokens,
    cacheReadTokens: sum.cacheReadTokens + usage.cacheReadTokens,
    cacheWriteTokens: sum.cacheWriteTokens + usage.cacheWriteTokens,
    outputTokens: sum.outputTokens + usage.outputTokens,
    reasoningTokens: sum.reasoningTokens + usage.reasoningTokens,
    estimated: sum.estimated || usage.estimated,
  };
}
