import type { RatePermit } from "../call-state.ts";
import { LlmError } from "../errors.ts";
import type { LlmUsage } from "../types.ts";
import { FairQueue } from "./fair-queue.ts";
import type { Quota, WindowUse } from "./window.ts";

export interface LaneRequest {
  group: string;
  background: boolean;
  /** What the provider will count: input and the most it may answer. */
  tokens: number;
  deadlineMs: number | null;
  signal: AbortSignal;
  /** Told once when the call has to wait. */
  onWait: (untilMs: number) => void;
}

interface Waiter {
  request: LaneRequest;
  resolve: (permit: LanePermit) => void;
  reject: (error: LlmError) => void;
  onAbort: () => void;
}

/** After a 429 without a time: 1 s, 2 s, 4 s … at most a minute. */
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;

/** One provider account's windows, its queue and its pauses. */
export class RateLane {
  readonly label: string;
  requests: Quota | null;
  tokens: Quota | null;
  readonly #now: () => number;
  readonly #queue = new FairQueue<Waiter>();
  #pausedUntilMs = 0;
  /** After a 429: nothing else goes until this one was accepted. */
  #probe: LanePermit | null = null;
  #needsProbe = false;
  #strikes = 0;
  #timer: NodeJS.Timeout | null = null;
  #timerAtMs = Number.POSITIVE_INFINITY;

  constructor(options: { label: string; requests: Quota | null; tokens: Quota | null; now: () => number }) {
    this.label = options.label;
    this.requests = options.requests;
    this.tokens = options.tokens;
    this.#now = options.now;
  }

  get waiting(): number {
    return this.#queue.size;
  }

  /** A permit at once where there is room, else a promise of one. Rejects with `rate_wait_exceeded` or `cancelled`. */
  acquire(request: LaneRequest): LanePermit | Promise<LanePermit> {
    const now = this.#now();
    if (this.#queue.size === 0) {
      const permit = this.#admit(request, now);
      if (permit !== null) return permit;
    }
    const untilMs = this.#estimate(request, now);
    if (request.deadlineMs !== null && untilMs > request.deadlineMs) {
      return Promise.reject(this.#tooLate(untilMs - now));
    }
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        request,
        resolve,
        reject,
        onAbort: () => {
          if (!this.#queue.remove(waiter)) return;
          reject(new LlmError("cancelled", "The call was cancelled while it waited for a rate limit."));
          this.pump();
        },
      };
      request.signal.addEventListener("abort", waiter.onAbort, { once: true });
      this.#queue.push(waiter, request.group, request.background);
      request.onWait(untilMs);
      this.#sleepUntil(Math.min(untilMs, request.deadlineMs ?? untilMs));
    });
  }

  /** Lets in who can go now; call after anything that may have made room. */
  pump = (): void => {
    const now = this.#now();
    for (;;) {
      const waiter = this.#queue.peek();
      if (waiter === undefined) break;
      const permit = this.#admit(waiter.request, now);
      if (permit === null) break;
      this.#queue.shift();
      waiter.request.signal.removeEventListener("abort", waiter.onAbort);
      waiter.resolve(permit);
    }
    this.#refuseLate(now);
    const next = this.#queue.peek();
    if (next === undefined) return;
    let wakeMs = this.#estimate(next.request, now, 0);
    for (const waiter of this.#queue) wakeMs = Math.min(wakeMs, waiter.request.deadlineMs ?? wakeMs);
    this.#sleepUntil(Math.max(wakeMs, now + 1));
  };

  /** Holds everybody until then. */
  pause(untilMs: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, untilMs);
    if (this.#queue.size > 0) this.#sleepUntil(untilMs);
  }

  /** A 429 came: pause until the provider's time, then one probe. */
  refused(retryAfterMs: number | undefined): number {
    const pauseMs = retryAfterMs ?? Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#strikes);
    this.#strikes += 1;
    this.#needsProbe = true;
    const untilMs = this.#now() + pauseMs;
    this.pause(untilMs);
    this.requests?.announcePause(untilMs);
    return untilMs;
  }

  accepted(permit: LanePermit): void {
    this.#strikes = 0;
    if (this.#probe !== permit) return;
    this.#probe = null;
    this.#needsProbe = false;
    this.pump();
  }

  /** The probe ended without being accepted: the next one is the probe. */
  probeEnded(permit: LanePermit, failedOtherwise: boolean): void {
    if (this.#probe !== permit) return;
    this.#probe = null;
    // An error that is not about the rate says that the rate is free again.
    if (failedOtherwise) this.#needsProbe = false;
    this.pump();
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #admit(request: LaneRequest, now: number): LanePermit | null {
    if (now < this.#pausedUntilMs || this.#probe !== null) return null;
    const place = this.requests === null ? null : this.requests.take(1, now);
    if (this.requests !== null && place === null) return null;
    const share = this.tokens === null ? null : this.tokens.take(request.tokens, now);
    if (this.tokens !== null && share === null) {
      if (place !== null) this.requests?.giveBack(place);
      return null;
    }
    const permit = new LanePermit(this, place, share, this.#now);
    if (this.#needsProbe) this.#probe = permit;
    return permit;
  }

  /** When this request could start, counting who waits before it. */
  #estimate(request: LaneRequest, now: number, ahead = this.#queue.size): number {
    const byRequests = this.requests?.nextAtMs(1, ahead, now) ?? now;
    const byTokens = this.tokens?.nextAtMs(request.tokens, ahead, now) ?? now;
    const untilMs = Math.max(byRequests, byTokens, this.#pausedUntilMs);
    // Only an event can tell (a probe, a lease): look again soon, the event itself wakes us earlier.
    return Number.isFinite(untilMs) && untilMs > now ? untilMs : now + 250;
  }

  #refuseLate(now: number): void {
    for (const waiter of [...this.#queue]) {
      const { deadlineMs } = waiter.request;
      if (deadlineMs === null || deadlineMs > now || !this.#queue.remove(waiter)) continue;
      waiter.request.signal.removeEventListener("abort", waiter.onAbort);
      waiter.reject(this.#tooLate(this.#estimate(waiter.request, now) - now));
    }
  }

  #tooLate(retryAfterMs: number): LlmError {
    return new LlmError(
      "rate_wait_exceeded",
      `The rate limit of ${this.label} leaves no room for this call before its deadline. Try again later, or raise the account's limit.`,
      { retryAfterMs: Math.max(1, retryAfterMs) },
    );
  }

  #sleepUntil(atMs: number): void {
    if (this.#timer !== null) {
      if (this.#timerAtMs <= atMs) return;
      clearTimeout(this.#timer);
    }
    this.#timerAtMs = atMs;
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        this.#timerAtMs = Number.POSITIVE_INFINITY;
        this.pump();
      },
      Math.max(1, Math.ceil(atMs - this.#now())),
    );
  }
}

export class LanePermit implements RatePermit {
  readonly #lane: RateLane;
  readonly #place: WindowUse | null;
  readonly #share: WindowUse | null;
  readonly #now: () => number;
  #sent = false;
  #ended = false;

  constructor(lane: RateLane, place: WindowUse | null, share: WindowUse | null, now: () => number) {
    this.#lane = lane;
    this.#place = place;
    this.#share = share;
    this.#now = now;
  }

  onSent = (): void => {
    if (this.#sent) return;
    this.#sent = true;
    const now = this.#now();
    if (this.#place !== null) this.#lane.requests?.confirm(this.#place, now);
    if (this.#share !== null) this.#lane.tokens?.confirm(this.#share, now);
  };

  onAccepted = (): void => {
    this.#arrived();
    this.#lane.accepted(this);
  };

  end(usage: LlmUsage | null, error: LlmError | null): void {
    if (this.#ended) return;
    this.#ended = true;
    const unsent = !this.#sent && error !== null;
    if (unsent) {
      if (this.#place !== null) this.#lane.requests?.giveBack(this.#place);
      if (this.#share !== null) this.#lane.tokens?.giveBack(this.#share);
    } else {
      this.onSent();
      this.#arrived();
      if (this.#share !== null && usage !== null) {
        this.#lane.tokens?.correct(this.#share, usage.inputTokens + usage.outputTokens);
      }
    }
    if (error?.kind === "rate_limited") this.#lane.refused(error.retryAfterMs);
    this.#lane.probeEnded(this, error !== null && error.kind !== "rate_limited" && !unsent);
    if (this.#lane.waiting > 0) this.#lane.pump();
  }

  #arrived(): void {
    const now = this.#now();
    if (this.#place !== null) this.#lane.requests?.arrived(this.#place, now);
    if (this.#share !== null) this.#lane.tokens?.arrived(this.#share, now);
  }
}
