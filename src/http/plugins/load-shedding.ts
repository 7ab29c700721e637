import type { AdmissionLimits } from "../dependencies.ts";

/** Says when this process has more to do than it can: then new requests are refused at once and cheaply. */
export interface LoadShedder {
  overloaded(): boolean;
  begin(): void;
  end(): void;
  close(): void;
}

const sampleMs = 100;

/** Watches requests in flight, the event loop's delay and callers that wait for a database connection. */
export function createLoadShedder(
  limits: Pick<AdmissionLimits, "maxInFlight" | "maxLoopDelayMs" | "maxPoolWaiting">,
  poolWaiting: () => number,
): LoadShedder {
  let inFlight = 0;
  let loopDelayMs = 0;
  let expected = performance.now() + sampleMs;
  const timer = setInterval(() => {
    const at = performance.now();
    // A single long pause says little: half of the last sample is kept.
    loopDelayMs = Math.max(0, at - expected) / 2 + loopDelayMs / 2;
    expected = at + sampleMs;
  }, sampleMs);
  timer.unref();
  return {
    overloaded: () =>
      inFlight >= limits.maxInFlight || loopDelayMs > limits.maxLoopDelayMs || poolWaiting() > limits.maxPoolWaiting,
    begin: () => {
      inFlight++;
    },
    end: () => {
      inFlight--;
    },
    close: () => clearInterval(timer),
  };
}
