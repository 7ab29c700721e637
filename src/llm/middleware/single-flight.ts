import type { FrameSink, GatewayCall, GatewayHandler, GatewayMiddleware } from "../call-state.ts";
import { asLlmError, LlmError, type LlmErrorKind } from "../errors.ts";
import type { LlmFrame, LlmReply } from "../types.ts";
import { framesOf } from "./cache.ts";

interface Flight {
  frames: LlmFrame[];
  /** A leader that asked for JSON sends no frames; those who joined then get them all at the end. */
  streamed: boolean;
  /** Replaced, never changed: one who joins from within a frame has got it already from `frames`. */
  listeners: readonly FrameSink[];
  callers: number;
  controller: AbortController;
  promise: Promise<LlmReply>;
  /** Nobody joins any more. */
  remove: () => void;
}

/**
 * What stands in the map, emptied when the flight is over. A map that fills and empties all the time leaves its former
 * tables behind; one that is old already keeps what it last held, and what the tables after it held, until the next full
 * collection: a third of all calls with all that hangs on them (docs/decisions/0120-a-flight-leaves-nothing-behind.md).
 */
interface Place {
  flight: Flight | null;
}

type Flights = Map<string, Place>;

/** Failures that are the first caller's own: whoever joined tries for himself. */
const ownFailures: ReadonlySet<LlmErrorKind> = new Set<LlmErrorKind>([
  "cancelled",
  "budget_exceeded",
  "price_unknown",
  "rate_wait_exceeded",
  "stopped",
]);

/*
 * Single-flight. Promise: equal cacheable requests of one tenant that are in flight at the same time are one call to the
 * provider; whoever joins late first gets everything from the first frame on; a caller who leaves does not end the call
 * for the others, and the call ends when the last one has left. The first caller pays, the others' cost is 0 with what
 * it saved them. Keys carry the tenant, so nobody joins another tenant's call.
 */
export function singleFlightMiddleware(): GatewayMiddleware {
  const flights: Flights = new Map();
  return (next) =>
    async function handle(call, onFrame): Promise<LlmReply> {
      const key = call.state.cacheKey;
      if (key === null) return next(call, onFrame);
      for (;;) {
        const flight = flights.get(key)?.flight;
        if (!flight) return lead(flights, key, next, call, onFrame);
        try {
          return await join(flight, call, onFrame);
        } catch (thrown) {
          const error = asLlmError(thrown);
          if (call.context.signal.aborted || flight.frames.length > 0 || !ownFailures.has(error.kind)) throw error;
        }
      }
    };
}

function lead(
  flights: Flights,
  key: string,
  next: GatewayHandler,
  call: GatewayCall,
  onFrame: FrameSink,
): Promise<LlmReply> {
  const controller = new AbortController();
  const frames: LlmFrame[] = [];
  const streamed = call.context.stream !== false;
  const spread: FrameSink = (frame) => {
    if (frame.type === "reset") frames.length = 0;
    else if (frame.type !== "wait") frames.push(frame);
    for (const listener of flight.listeners) {
      try {
        listener(frame);
      } catch {
        // One caller's broken sink must not end the call of the others; it still gets the whole reply.
        flight.listeners = flight.listeners.filter((other) => other !== listener);
      }
    }
  };
  const remove = (): void => {
    place.flight = null;
    if (flights.get(key) === place) flights.delete(key);
  };
  const flight: Flight = {
    frames,
    streamed,
    listeners: [onFrame],
    callers: 1,
    controller,
    promise: next({ ...call, context: { ...call.context, signal: controller.signal } }, spread).finally(remove),
    remove,
  };
  const place: Place = { flight };
  flights.set(key, place);
  return stay(flight, call.context.signal, onFrame);
}

async function join(flight: Flight, call: GatewayCall, onFrame: FrameSink): Promise<LlmReply> {
  call.state.cacheResult = "coalesced";
  flight.callers += 1;
  const streamed = call.context.stream !== false;
  if (streamed) {
    for (const frame of flight.frames) onFrame(frame);
    flight.listeners = [...flight.listeners, onFrame];
  }
  const reply = await stay(flight, call.context.signal, onFrame);
  if (streamed && !flight.streamed) for (const frame of framesOf(reply)) onFrame(frame);
  return {
    ...reply,
    toolCalls: reply.toolCalls.map((toolCall) => ({ ...toolCall })),
    usage: { ...reply.usage },
    cacheResult: "coalesced",
    costNanoUsd: 0,
    savedNanoUsd: reply.costNanoUsd,
  };
}

/** Waits for the flight or for the caller's own leaving, whichever comes first. */
function stay(flight: Flight, signal: AbortSignal, onFrame: FrameSink): Promise<LlmReply> {
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      flight.listeners = flight.listeners.filter((listener) => listener !== onFrame);
      flight.callers -= 1;
      if (flight.callers === 0) {
        flight.remove();
        flight.controller.abort();
      }
      reject(new LlmError("cancelled", "The call was cancelled."));
    };
    if (signal.aborted) {
      leave();
      return;
    }
    signal.addEventListener("abort", leave, { once: true });
    flight.promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
  });
}
