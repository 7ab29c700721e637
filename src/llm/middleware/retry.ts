import {
  type FrameSink,
  type GatewayCall,
  type GatewayHandler,
  type GatewayMiddleware,
  mayReset,
} from "../call-state.ts";
import { asLlmError, isFallbackWorthy, isRepeatable, LlmError } from "../errors.ts";
import type { LlmReply } from "../types.ts";

export interface RetryOptions {
  /** Attempts per candidate, the first included. */
  attemptsPerCandidate: number;
  baseDelayMs: number;
  maxDelayMs: number;
  random: () => number;
  now: () => number;
}

/*
 * Retry and fallback. Promise: repeated is only what is safe (no connection, a broken one, 408, 429, 5xx, time-outs),
 * only before the first token, or after it where the caller can void what it showed and is told by a `reset` frame;
 * waits have full jitter and never end before the provider's Retry-After nor after the caller's deadline; then the
 * squad's fallback models and further accounts come in order. Every attempt is reserved, limited and billed by itself.
 */
export function retryMiddleware(options: RetryOptions): GatewayMiddleware {
  return (next) => (call, onFrame) => attempt(next, call, onFrame, options);
}

async function attempt(
  next: GatewayHandler,
  call: GatewayCall,
  onFrame: FrameSink,
  options: RetryOptions,
): Promise<LlmReply> {
  const { state, context } = call;
  let tries = 1;
  for (;;) {
    let begun = false;
    try {
      return await next(
        call,
        context.stream === false
          ? onFrame
          : (frame) => {
              begun = true;
              onFrame(frame);
            },
      );
    } catch (thrown) {
      const error = asLlmError(thrown);
      if (context.signal.aborted || (begun && !mayReset(call))) throw error;
      const again = isRepeatable(error) && tries < options.attemptsPerCandidate;
      const further = state.candidateIndex + 1 < state.candidates.length && isFallbackWorthy(error);
      if (!again && !further) throw error;
      await state.settle?.("failed", error.seenUsage);
      // A long pause is no reason to wait while another model is there.
      const switches = !again || (further && (error.retryAfterMs ?? 0) > options.maxDelayMs);
      if (!switches) await pause(error, tries, call, options);
      if (switches) state.candidateIndex += 1;
      tries = switches ? 1 : tries + 1;
      state.attempt += 1;
      if (begun) onFrame({ type: "reset", reason: error.message });
      await state.reserve?.();
      await state.acquire?.();
    }
  }
}

async function pause(error: LlmError, tries: number, call: GatewayCall, options: RetryOptions): Promise<void> {
  // After a 429 the rate governor holds the whole lane until the reset: waiting here as well would wait twice.
  if (error.kind === "rate_limited") return;
  const backoffMs = options.random() * Math.min(options.maxDelayMs, options.baseDelayMs * 2 ** (tries - 1));
  const delayMs = Math.max(error.retryAfterMs ?? 0, backoffMs);
  const { deadlineMs, signal } = call.context;
  if (deadlineMs !== null && options.now() + delayMs > deadlineMs) throw error;
  await sleep(delayMs, signal);
}

/** Resolves after the time; rejects with `cancelled` when the signal aborts. */
export function sleep(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(new LlmError("cancelled", "The call was cancelled."));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, delayMs);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}
