import type { FrameSink, GatewayCall, GatewayMiddleware } from "../call-state.ts";
import { asLlmError, type LlmError } from "../errors.ts";
import type { LlmCallRecord, LlmObserver } from "../records.ts";
import type { LlmReply } from "../types.ts";

/*
 * Trace and metrics. Promise: every call that enters is reported to every observer exactly once, whatever becomes of it,
 * with its times, tokens, cost and cache result; the reply's own times are filled in here; whatever is thrown below
 * leaves as an `LlmError`. It adds one closure a call and one comparison a frame.
 */
export function traceMiddleware(options: { observers: readonly LlmObserver[]; now: () => number }): GatewayMiddleware {
  const { observers, now } = options;
  return (next) => async (call, onFrame) => {
    const { state } = call;
    const sink: FrameSink =
      call.context.stream === false
        ? onFrame
        : (frame) => {
            if (state.firstFrameAt === 0 && frame.type !== "wait") {
              state.firstFrameAt = performance.now();
              call.context.onBegin?.(state.cacheResult);
            }
            onFrame(frame);
          };
    try {
      const reply = await next(call, sink);
      const endedAt = performance.now();
      reply.latencyMs = endedAt - state.startedAt;
      reply.timeToFirstTokenMs = (state.firstFrameAt === 0 ? endedAt : state.firstFrameAt) - state.startedAt;
      reply.rateWaitMs = state.rateWaitMs;
      reply.attempts = state.attempt;
      report(observers, recordOf(call, reply, null, now()));
      return reply;
    } catch (thrown) {
      const error = asLlmError(thrown);
      report(observers, recordOf(call, null, error, now()));
      throw error;
    }
  };
}

function report(observers: readonly LlmObserver[], record: LlmCallRecord): void {
  for (const observer of observers) observer.onCall(record);
}

function recordOf(call: GatewayCall, reply: LlmReply | null, error: LlmError | null, atMs: number): LlmCallRecord {
  const { state, context } = call;
  const durationMs = performance.now() - state.startedAt;
  const shared = reply?.cacheResult === "hit" || reply?.cacheResult === "coalesced";
  const { candidate } = state;
  const streamed = state.firstFrameAt !== 0;
  // Until the first token, what Muster added is what the provider's own first token does not explain.
  const untilMs = streamed ? state.firstFrameAt - state.startedAt : durationMs;
  const providerMs = streamed && state.attempt === 1 ? state.providerFirstTokenMs : state.providerMs;
  return {
    callId: context.callId,
    tenantId: context.tenantId,
    squadId: context.squadId,
    executionId: context.executionId,
    memberId: context.memberId,
    lane: context.lane,
    provider: reply?.provider ?? candidate.account.kind,
    model: reply?.model ?? candidate.model,
    accountId: reply === null ? candidate.accountId : reply.accountId,
    outcome: reply !== null ? "done" : error?.kind === "cancelled" ? "cancelled" : "failed",
    errorKind: error?.kind ?? null,
    cacheResult: reply?.cacheResult ?? state.cacheResult,
    usage: shared ? null : state.spentUsage,
    costNanoUsd: shared ? 0 : state.spentNanoUsd,
    savedNanoUsd: reply?.savedNanoUsd ?? null,
    attempts: state.attempt,
    durationMs,
    timeToFirstTokenMs: reply === null && !streamed ? null : untilMs,
    rateWaitMs: state.rateWaitMs,
    addedMs: shared ? untilMs : Math.max(0, untilMs - providerMs - state.rateWaitMs),
    billedElsewhere: context.ledger !== undefined,
    atMs,
  };
}
