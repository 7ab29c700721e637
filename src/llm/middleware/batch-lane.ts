import type { GatewayCall, GatewayHandler, GatewayMiddleware } from "../call-state.ts";
import type { EconomyLane } from "../economy/economy-lane.ts";
import { LlmError } from "../errors.ts";
import type { PromptBatches } from "../prompt-batches.ts";
import { usageMiddleware } from "./usage.ts";

/*
 * Batch lane. Promise: a call marked `economy` goes to its provider's Batch API (about half the price, answered within
 * hours, escalated to the live endpoint at its deadline) where the provider has one; every other call passes untouched
 * and at once: an interactive call never waits for a window. Prompts of text completions that may wait (`micro_batch`) share
 * a request where their account takes prompt arrays; chat completions take one prompt a request, and embeddings are
 * batched on their own path (`embeddings.ts`). A deferred call takes its place in the account's rate
 * windows only when it goes live: in a batch it uses none.
 */
export function batchLaneMiddleware(options: {
  economy?: EconomyLane | undefined;
  prompts: PromptBatches;
}): GatewayMiddleware {
  const { economy, prompts } = options;
  return (next) => {
    const live = goLive(next);
    const together = usageMiddleware()((call, onFrame) => prompts.complete(call, onFrame));
    return (call, onFrame) => {
      const { lane } = call.context;
      if (lane === "economy" && economy !== undefined) {
        giveBackPlace(call);
        return economy.complete(call, onFrame, live);
      }
      if (lane === "micro_batch" && prompts.takes(call)) {
        giveBackPlace(call);
        return together(call, onFrame);
      }
      return lane === "economy" || lane === "micro_batch" ? live(call, onFrame) : next(call, onFrame);
    };
  };
}

/** A retry has taken a place already: it is given back unused. */
function giveBackPlace({ state }: GatewayCall): void {
  state.permit?.end(null, new LlmError("cancelled", "The call goes into a batch."));
  state.permit = null;
}

function goLive(next: GatewayHandler): GatewayHandler {
  return async (call, onFrame) => {
    if (call.state.permit === null) await call.state.acquire?.();
    return next(call, onFrame);
  };
}
