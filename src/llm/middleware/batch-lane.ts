import type { GatewayMiddleware } from "../call-state.ts";
import type { EconomyLane } from "../economy/economy-lane.ts";

/*
 * Batch lane. Promise: a call marked `economy` goes to its provider's Batch API (about half the price, answered within
 * hours, escalated to the live endpoint at its deadline) where the provider has one; every other call passes untouched
 * and at once: an interactive chat call never waits for a window. (Embeddings are micro-batched on their own path, see
 * `micro-batcher.ts`: chat completions take one prompt a request.)
 */
export function batchLaneMiddleware(options: { economy?: EconomyLane | undefined }): GatewayMiddleware {
  const { economy } = options;
  return (next) => (call, onFrame) => {
    if (call.context.lane !== "economy" || economy === undefined) return next(call, onFrame);
    return economy.complete(call, onFrame, next);
  };
}
