import type { GatewayHandler } from "../call-state.ts";
import { asLlmError } from "../errors.ts";
import type { ProviderLimits, ProviderTimeouts } from "../providers/provider.ts";
import type { Candidate } from "../routing.ts";
import type { LlmReply } from "../types.ts";

export interface ProviderStepOptions {
  timeouts: ProviderTimeouts;
  onLimits: (candidate: Candidate, limits: ProviderLimits) => void;
}

/*
 * The innermost handler. Promise: exactly one request to the current candidate's provider, with the granted number of
 * output tokens; its answer as a reply without a price (the usage middleware sets it). It retries nothing.
 */
export function providerHandler(options: ProviderStepOptions): GatewayHandler {
  return async (call, onFrame) => {
    const { state, context, request } = call;
    const { candidate } = state;
    const startedAt = performance.now();
    try {
      const answer = await candidate.client.complete(
        {
          account: candidate.account,
          request: request.model === candidate.model ? request : { ...request, model: candidate.model },
          maxOutputTokens: state.maxOutputTokens,
          stream: context.stream !== false,
          timeouts: options.timeouts,
          signal: context.signal,
          ...(state.cacheSeams === null ? {} : { cacheSeams: state.cacheSeams }),
          ...(state.permit === null ? {} : { onSent: state.permit.onSent, onAccepted: state.permit.onAccepted }),
          onLimits: (limits) => options.onLimits(candidate, limits),
        },
        onFrame,
      );
      state.permit?.end(answer.usage, null);
      state.providerFirstTokenMs = answer.timeToFirstTokenMs;
      const reply: LlmReply = {
        text: answer.text,
        reasoning: answer.reasoning,
        toolCalls: answer.toolCalls,
        finishReason: answer.finishReason,
        usage: answer.usage,
        model: candidate.model,
        provider: candidate.account.kind,
        accountId: candidate.accountId,
        costNanoUsd: null,
        savedNanoUsd: null,
        cacheResult: state.cacheResult,
        trimmed: state.trimmed,
        attempts: state.attempt,
        latencyMs: 0,
        timeToFirstTokenMs: 0,
        rateWaitMs: 0,
      };
      return reply;
    } catch (thrown) {
      const error = asLlmError(thrown);
      state.permit?.end(error.seenUsage ?? null, error);
      throw error;
    } finally {
      state.providerMs += performance.now() - startedAt;
    }
  };
}
