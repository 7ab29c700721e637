import type { GatewayHandler, GatewayMiddleware } from "../call-state.ts";
import type { EconomyLane } from "../economy/economy-lane.ts";
import { LlmError } from "../errors.ts";

/*
 * Batch lane. Promise: a call marked `economy` goes to its provider's Batch API (about half the price, answered within
 * hours, escalated to the live endpoint at its deadline) where the provider has one; every other call passes untouched
 * and at once: an interactive chat call never waits for a window. (Embeddings are micro-batched on their own path, see
 * `micro-batcher.ts`: chat completions take one prompt a request.) A deferred call takes its place in the account's rate
 * windows only when it goes live: in a batch it uses none.
 */
export function batchLaneMiddleware(options: { economy?: EconomyLane | undefined }): GatewayMiddleware {
  const { economy } = options;
  return (next) => (call, onFrame) => {
    if (call.context.lane !== "economy") return next(call, onFrame);
    if (economy === undefined) return goLive(next)(call, onFrame);
    const { state } = call;
    // A retry has taken a place already: it is given back unused.
    state.permit?.end(null, new LlmError("cancelled", "The call goes into a batch."));
    state.permit = null;
    return economy.complete(call, onFrame, goLive(next));
  };
}

function goLive(next: GatewayHandler): GatewayHandler {
  return async (call, onFrame) => {
    if (call.state.permit === null) await call.state.acquire?.();
    return next(call, onFrame);
  };
}
