import { addUsage, type GatewayCall, type GatewayMiddleware } from "../call-state.ts";
import { LlmError } from "../errors.ts";
import type { LlmUsage } from "../types.ts";

/*
 * Usage and cost. Promise: every attempt's tokens are priced by the kept table or the owner's own prices into integer
 * nano-USD, each token once (cached ones are part of the input, reasoning part of the output); what is not known is null,
 * never 0; attempts that broke count with what was seen of them. The sums over all attempts stand on the call.
 */
export function usageMiddleware(): GatewayMiddleware {
  return (next) => async (call, onFrame) => {
    try {
      const reply = await next(call, onFrame);
      reply.costNanoUsd = countUsage(call, reply.usage);
      return reply;
    } catch (error) {
      if (error instanceof LlmError && error.seenUsage !== undefined) countUsage(call, error.seenUsage);
      throw error;
    }
  };
}

/** Prices one attempt and adds it to the call's sums; null: not known. */
export function countUsage(call: GatewayCall, usage: LlmUsage): number | null {
  const { state } = call;
  const cost = state.costOf(usage);
  state.spentUsage = addUsage(state.spentUsage, usage);
  state.spentNanoUsd = cost === null || state.spentNanoUsd === null ? null : state.spentNanoUsd + cost;
  return cost;
}
