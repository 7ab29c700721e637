import type { Quota, WindowUse } from "./window.ts";

/** A block taken from a window that several processes share. */
export interface LimitLease {
  /** Null when nothing was granted. */
  leaseId: string | null;
  granted: number;
  /** When room may be there again, from now; only meaningful when less than wanted was granted. */
  retryInMs: number;
  /** How long a pause that another process ordered after a 429 still lasts; 0 when there is none. */
  pausedMs: number;
}

/**
 * The windows shared by all processes.
 *
 * Contract: at any time the sum of what is granted and still counts is at most the limit. A block counts from its grant
 * until `countsMs` later, whenever in its hold it is used; `giveBack` makes a part of it count no more. Time is the
 * store's own, so answers are spans, not times.
 */
export interface LimitStore {
  lease(request: { key: string; limit: number; want: number; countsMs: number }): Promise<LimitLease>;
  giveBack(key: string, leaseId: string, amount: number): Promise<void>;
  /** Nobody is granted anything for this long. */
  pause(key: string, forMs: number): Promise<void>;
}

export interface LeasedQuotaOptions {
  key: string;
  limit: number;
  windowMs: number;
  store: LimitStore;
  now: () => number;
  /** A lease came or room may be there. */
  onChange: () => void;
  waiting: () => number;
  onPause: (untilMs: number) => void;
  onError: (error: unknown) => void;
}

interface Block {
  leaseId: string;
  granted: number;
  left: number;
  usableUntilMs: number;
}

interface LeasedUse extends WindowUse {
  block: Block;
}

/** The largest part of a window that one process takes at once. */
const LARGEST_PART = 0.1;

/**
 * A window leased in small blocks, sized by use: one that ran out is followed by one of twice its size, one that did not
 * by one of what was used of it, and where the window is nearly full by no more than is waited for. A block may be used for 2 % of the window; the shared store counts it for a window
 * longer than that, so the strict limit holds whenever it is used; what is not used in time is given back.
 */
export class LeasedQuota implements Quota {
  readonly #options: LeasedQuotaOptions;
  readonly #holdMs: number;
  readonly #countsMs: number;
  #limit: number;
  #block: Block | null = null;
  #leasing = false;
  #retryAtMs = 0;
  #wanted = 0;
  /** The next block's size, by what the last one was used for. */
  #pace = 0;

  constructor(options: LeasedQuotaOptions) {
    this.#options = options;
    this.#limit = options.limit;
    this.#holdMs = Math.max(20, options.windowMs / 50);
    this.#countsMs = Math.ceil(this.#holdMs + options.windowMs + Math.max(25, options.windowMs / 50));
  }

  get limit(): number {
    return this.#limit;
  }

  setLimit(limit: number): void {
    this.#limit = limit;
  }

  announcePause(untilMs: number): void {
    const { store, key, now, onError } = this.#options;
    store.pause(key, untilMs - now()).catch(onError);
  }

  take(amount: number, nowMs: number): WindowUse | null {
    if (this.#limit === Number.POSITIVE_INFINITY) return { amount: 0, expiresAtMs: 0 };
    // More than the whole window can only go when nothing else counts; the store grants at most the limit.
    const units = Math.min(amount, this.#limit);
    const block = this.#usable(nowMs);
    if (block !== null && block.left >= units) {
      block.left -= units;
      const use: LeasedUse = { amount: units, expiresAtMs: Number.POSITIVE_INFINITY, block };
      return use;
    }
    this.#wanted = Math.max(this.#wanted, units);
    if (block !== null) this.#pace = block.granted * 2;
    this.#refill(nowMs);
    return null;
  }

  confirm(use: WindowUse, nowMs: number): void {
    use.expiresAtMs = nowMs + this.#countsMs;
  }

  arrived(): void {
    // The store counts whole blocks by their grant.
  }

  correct(use: WindowUse, amount: number): void {
    const spare = use.amount - amount;
    if (spare <= 0) return;
    use.amount = amount;
    this.#return((use as LeasedUse).block, spare);
  }

  giveBack(use: WindowUse): void {
    this.correct(use, 0);
  }

  nextAtMs(_amount: number, _ahead: number, nowMs: number): number {
    const block = this.#usable(nowMs);
    if (block !== null && block.left > 0) return nowMs;
    return this.#leasing ? Number.POSITIVE_INFINITY : Math.max(this.#retryAtMs, nowMs);
  }

  #usable(nowMs: number): Block | null {
    const block = this.#block;
    if (block === null || nowMs < block.usableUntilMs) return block;
    this.#block = null;
    this.#pace = block.granted - block.left;
    if (block.left > 0) this.#return(block, block.left);
    return null;
  }

  #return(block: Block, amount: number): void {
    if (block === undefined || amount <= 0) return;
    if (block === this.#block && this.#options.now() < block.usableUntilMs) {
      block.left += amount;
      return;
    }
    this.#options.store.giveBack(this.#options.key, block.leaseId, amount).catch(this.#options.onError);
  }

  #refill(nowMs: number): void {
    if (this.#leasing || nowMs < this.#retryAtMs) return;
    this.#leasing = true;
    const units = this.#wanted;
    this.#wanted = 0;
    const part = Math.max(1, Math.ceil(this.#limit * LARGEST_PART));
    const want = Math.max(units, Math.min(part, Math.max(this.#pace, units * (this.#options.waiting() + 1))));
    void this.#lease(units, want, nowMs);
  }

  async #lease(units: number, want: number, startedAtMs: number): Promise<void> {
    const { store, key, now } = this.#options;
    try {
      const lease = await store.lease({ key, limit: this.#limit, want, countsMs: this.#countsMs });
      if (lease.pausedMs > 0) this.#options.onPause(now() + lease.pausedMs);
      if (lease.granted < want) this.#pace = 0;
      if (lease.leaseId !== null && lease.granted > 0) this.#accept(lease.leaseId, lease.granted, startedAtMs);
      // Too little to start even one: wait for the time the store names.
      if (lease.granted < units) this.#retryAtMs = now() + Math.max(lease.retryInMs, 5);
    } catch (error) {
      this.#options.onError(error);
      // Without the shared window nobody may start: try again soon.
      this.#retryAtMs = now() + 250;
    } finally {
      this.#leasing = false;
      this.#options.onChange();
    }
  }

  #accept(leaseId: string, granted: number, startedAtMs: number): void {
    const previous = this.#block;
    // Counted from before the question was sent: the store's count begins later, so the block ends earlier here.
    this.#block = { leaseId, granted, left: granted, usableUntilMs: startedAtMs + this.#holdMs };
    if (previous !== null && previous.left > 0) this.#return(previous, previous.left);
    setTimeout(() => this.#usable(this.#options.now()), this.#holdMs + 5).unref();
  }
}
