import type { FrameSink, GatewayCall, GatewayHandler, GatewayMiddleware } from "../call-state.ts";
import type { RateGovernor } from "../rate/rate-governor.ts";
import type { LanePermit } from "../rate/rate-lane.ts";
import type { LlmObserver } from "../records.ts";
import type { LlmReply } from "../types.ts";

/*
 * Rate governor. Promise: in no window does an account get more requests (or tokens) than its limit, over all processes
 * that share a store; waiting calls go interactive before background and squad by squad in turn; a call that cannot
 * start before its deadline is refused at once with the time to come back; after a 429 the account's lane rests until
 * the provider's reset and then one call goes first. A wait is shown as a `wait` frame with its end. A call that finds
 * room is not delayed by even one turn of the event loop.
 */
export function rateGovernorMiddleware(options: {
  governor: RateGovernor;
  observers: readonly LlmObserver[];
  now: () => number;
}): GatewayMiddleware {
  return (next) => (call, onFrame) => {
    call.state.acquire = () => acquire(call, onFrame, options);
    // A place is taken by what is sent; the batch lane takes one for a call that goes alone.
    const { lane } = call.context;
    if (lane === "economy" || lane === "micro_batch") return next(call, onFrame);
    const waiting = call.state.acquire();
    return waiting === undefined ? next(call, onFrame) : waitThenGo(waiting, next, call, onFrame);
  };
}

async function waitThenGo(
  waiting: Promise<void>,
  next: GatewayHandler,
  call: GatewayCall,
  onFrame: FrameSink,
): Promise<LlmReply> {
  await waiting;
  return next(call, onFrame);
}

function acquire(
  call: GatewayCall,
  onFrame: FrameSink,
  options: { governor: RateGovernor; observers: readonly LlmObserver[]; now: () => number },
): Promise<void> | undefined {
  const { state, context } = call;
  const { account } = state.candidate;
  const lane = options.governor.lane(state.candidate);
  const permit = lane.acquire({
    group: context.squadId ?? context.tenantId,
    background: context.lane !== "interactive",
    tokens: options.governor.tokensOf(call, lane),
    deadlineMs: context.deadlineMs,
    signal: context.signal,
    onWait: (untilMs) => {
      onFrame({ type: "wait", untilMs });
      for (const observer of options.observers) {
        observer.onRateWait?.({ accountId: account.id, squadId: context.squadId, untilMs });
      }
    },
  });
  if (!(permit instanceof Promise)) {
    state.permit = permit;
    return undefined;
  }
  return settleWait(permit, call);
}

async function settleWait(permit: Promise<LanePermit>, call: GatewayCall): Promise<void> {
  const startedAt = performance.now();
  try {
    call.state.permit = await permit;
  } finally {
    call.state.rateWaitMs += performance.now() - startedAt;
  }
}
