/*
 * A strict sliding window: never more than `limit` units in any stretch of `windowMs`, by the provider's own log. When a
 * request arrives there is not known; that it has arrived is, once it is answered. So a unit counts until a window after
 * its answer began, at most a window and 3 % (or a second) after it left (connecting takes time, an answer may take long); one that
 * has not left yet counts without end.
 */

/** Something taken from a window; given back or confirmed by its holder. */
export interface WindowUse {
  amount: number;
  /** Epoch ms at which it ceases to count; Infinity until it is known to have left. */
  expiresAtMs: number;
}

/** Contract: `take` never lets more than the limit count at one time. */
export interface Quota {
  /** Takes `amount`, or returns null when there is no room now. */
  take(amount: number, nowMs: number): WindowUse | null;
  /** The request left: its units count for a window from its arrival. */
  confirm(use: WindowUse, nowMs: number): void;
  /** The answer began: the request arrived at the latest now. */
  arrived(use: WindowUse, nowMs: number): void;
  /** The true amount is known. */
  correct(use: WindowUse, amount: number): void;
  /** It never left. */
  giveBack(use: WindowUse): void;
  /** Earliest time at which `amount` more after `ahead` others could be taken; Infinity when only an event can tell. */
  nextAtMs(amount: number, ahead: number, nowMs: number): number;
  readonly limit: number;
  setLimit(limit: number): void;
  /** Tells the other processes, where there are any, that nobody may start before then. */
  announcePause(untilMs: number): void;
}

/** A queue of numbers in a ring, so that taking from the front costs nothing. */
export class SlidingWindow implements Quota {
  readonly #windowMs: number;
  readonly #marginMs: number;
  readonly #wayMs: number;
  #limit: number;
  #used = 0;
  /** Confirmed uses in order of expiry. */
  #queue: WindowUse[] = [];
  #head = 0;
  /** Taken, not confirmed. */
  #pending = 0;

  constructor(options: { limit: number; windowMs: number }) {
    this.#limit = options.limit;
    this.#windowMs = options.windowMs;
    // Clocks and event loops are not exact.
    this.#marginMs = Math.max(10, options.windowMs / 200);
    this.#wayMs = Math.max(1_000, (options.windowMs * 3) / 100);
  }

  get limit(): number {
    return this.#limit;
  }

  setLimit(limit: number): void {
    this.#limit = limit;
  }

  announcePause(): void {
    // This process is the only one.
  }

  take(amount: number, nowMs: number): WindowUse | null {
    this.#expire(nowMs);
    // What is larger than the whole window can only go alone.
    if (this.#used > 0 && this.#used + amount > this.#limit) return null;
    this.#used += amount;
    this.#pending += 1;
    return { amount, expiresAtMs: Number.POSITIVE_INFINITY };
  }

  confirm(use: WindowUse, nowMs: number): void {
    if (use.expiresAtMs !== Number.POSITIVE_INFINITY) return;
    use.expiresAtMs = nowMs + this.#wayMs + this.#windowMs + this.#marginMs;
    this.#pending -= 1;
    this.#queue.push(use);
  }

  arrived(use: WindowUse, nowMs: number): void {
    // Earlier than others before it in the queue at most by moments: it then leaves with them.
    use.expiresAtMs = Math.min(use.expiresAtMs, nowMs + this.#windowMs + this.#marginMs);
  }

  correct(use: WindowUse, amount: number): void {
    if (use.amount === 0) return;
    this.#used += amount - use.amount;
    use.amount = amount;
  }

  giveBack(use: WindowUse): void {
    if (use.amount === 0) return;
    this.#used -= use.amount;
    use.amount = 0;
    if (use.expiresAtMs === Number.POSITIVE_INFINITY) {
      use.expiresAtMs = 0;
      this.#pending -= 1;
    }
  }

  nextAtMs(amount: number, ahead: number, nowMs: number): number {
    this.#expire(nowMs);
    let needed = this.#used + amount * (ahead + 1) - this.#limit;
    if (needed <= 0) return nowMs;
    for (let index = this.#head; index < this.#queue.length; index += 1) {
      const use = this.#queue[index] as WindowUse;
      needed -= use.amount;
      if (needed <= 0) return use.expiresAtMs;
    }
    // Further back than what counts now: whole windows later.
    const last = this.#queue.at(-1)?.expiresAtMs ?? nowMs + this.#windowMs;
    if (this.#pending > 0 && this.#head === this.#queue.length) return nowMs + this.#windowMs;
    return last + this.#windowMs * Math.floor(needed / Math.max(1, this.#limit));
  }

  #expire(nowMs: number): void {
    while (this.#head < this.#queue.length) {
      const use = this.#queue[this.#head] as WindowUse;
      if (use.expiresAtMs > nowMs) break;
      this.#used -= use.amount;
      use.amount = 0;
      this.#head += 1;
    }
    if (this.#head > 1024 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }
}
