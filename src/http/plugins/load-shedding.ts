import type { AdmissionLimits } from "../dependencies.ts";

/**
 * What a request holds while it is in flight: `short` ones the process itself, `long` ones (calls that wait for a model,
 * files) mostly a socket. They are counted apart, or a few hundred callers of slow models would shut the API.
 */
export type FlightKind = "short" | "long";

/** Says when this process has more to do than it can: then new requests are refused, cheaply. */
export interface LoadShedder {
  overloaded(kind: FlightKind): boolean;
  begin(kind: FlightKind): void;
  end(kind: FlightKind): void;
  close(): void;
}

const sampleMs = 100;
/** A queue that never emptied for so long is no burst and no pause of the machine (CoDel's idea, RFC 8289). */
const standingSamples = 30;
/** While a queue stands, only as many requests are let in as end in this time: by Little's law nobody let in waits longer. */
const targetSeconds = 0.1;
/** However slow the requests are: the 200 users of the load profile, each waiting for an answer, are never too many. */
const leastRoom = 256;

/**
 * Watches requests in flight, the event loop's delay and callers that wait for a database connection. Bursts up to
 * `maxInFlight` are let in; when a queue stands, as many as the process ends in 100 ms, until nobody has to be refused.
 */
export function createLoadShedder(
  limits: Pick<AdmissionLimits, "maxInFlight" | "maxLongInFlight" | "maxLoopDelayMs" | "maxPoolWaiting">,
  poolWaiting: () => number,
): LoadShedder {
  const inFlight = { short: 0, long: 0 };
  const loop = createLoopWatch(limits.maxLoopDelayMs);
  let expected = performance.now() + sampleMs;
  const queue = createQueueWatch(limits.maxInFlight);
  const timer = setInterval(() => {
    const at = performance.now();
    loop.sample(Math.max(0, at - expected));
    queue.sample(inFlight.short, (at - expected + sampleMs) / 1_000);
    expected = at + sampleMs;
  }, sampleMs);
  timer.unref();
  return {
    overloaded: (kind) =>
      queue.isFull(inFlight.short) ||
      (kind === "long" && inFlight.long >= limits.maxLongInFlight) ||
      loop.isLate() ||
      poolWaiting() > limits.maxPoolWaiting,
    begin: (kind) => {
      inFlight[kind]++;
    },
    end: (kind) => {
      inFlight[kind]--;
      if (kind === "short") queue.ended(inFlight.short);
    },
    close: () => clearInterval(timer),
  };
}

/** Tells an event loop that is late all the time from one that was held up once. */
export interface LoopWatch {
  isLate(): boolean;
  /** How late a timer was, in milliseconds. */
  sample(lateMs: number): void;
}

/** So many samples in a row: one is a machine that slept or was busy elsewhere, and who waited meanwhile is answered. */
const lateSamples = 3;

export function createLoopWatch(maxDelayMs: number): LoopWatch {
  let inRow = 0;
  return {
    isLate: () => inRow >= lateSamples,
    sample(lateMs) {
      inRow = lateMs > maxDelayMs ? inRow + 1 : 0;
    },
  };
}

/** Tells a burst from a queue that stands, and how many may be in flight. */
export interface QueueWatch {
  isFull(inFlight: number): boolean;
  /** A request ended and left so many. */
  ended(inFlight: number): void;
  /** Every 100 ms, with the seconds since the last time. */
  sample(inFlight: number, seconds: number): void;
}

export function createQueueWatch(maxInFlight: number): QueueWatch {
  let endedPerSecond = 0;
  let ended = 0;
  /** Since the last look: the fewest in flight, and whether anyone was refused. */
  let fewest = 0;
  let refused = false;
  let samples = 0;
  let limit = maxInFlight;

  function look(inFlight: number): void {
    const room = Math.min(maxInFlight, Math.max(leastRoom, Math.ceil(endedPerSecond * targetSeconds)));
    const stands = fewest >= room || (limit < maxInFlight && refused);
    limit = stands ? room : maxInFlight;
    fewest = inFlight;
    refused = false;
    samples = 0;
  }

  return {
    isFull(inFlight) {
      if (inFlight < limit) return false;
      refused = true;
      return true;
    },
    ended(inFlight) {
      ended++;
      if (inFlight < fewest) fewest = inFlight;
    },
    sample(inFlight, seconds) {
      endedPerSecond += (ended / seconds - endedPerSecond) * 0.2;
      ended = 0;
      if (++samples >= standingSamples) look(inFlight);
    },
  };
}
