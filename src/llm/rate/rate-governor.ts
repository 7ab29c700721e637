import type { GatewayCall } from "../call-state.ts";
import type { ProviderLimits } from "../providers/provider.ts";
import type { Candidate } from "../routing.ts";
import { LeasedQuota, type LimitStore } from "./leased-quota.ts";
import { RateLane } from "./rate-lane.ts";
import { type Quota, SlidingWindow } from "./window.ts";

export interface RateGovernorOptions {
  windowMs: number;
  /** Until the provider's headers or the account's owner say otherwise. */
  defaultRequests: number;
  /** Shares the windows with other processes; absent: this process is the only one. */
  store?: LimitStore | undefined;
  now: () => number;
  onStoreError: (error: unknown) => void;
}

interface Lane {
  lane: RateLane;
  /** Requests a window by model, as last seen: an account's window is the smallest of those in use. */
  learnedRequests: Map<string, number>;
  learnedTokens: Map<string, number>;
  owned: { requests: number | undefined; tokens: number | undefined };
}

/** A limit whose window is longer than this is not a per-minute one (Groq counts requests by the day). */
const LONGEST_WINDOW_MS = 120_000;
const UNLIMITED = Number.POSITIVE_INFINITY;

/** All accounts' lanes. */
export class RateGovernor {
  readonly #options: RateGovernorOptions;
  readonly #lanes = new Map<string, Lane>();

  constructor(options: RateGovernorOptions) {
    this.#options = options;
  }

  lane(candidate: Candidate): RateLane {
    return this.#lane(candidate).lane;
  }

  /** Tokens a provider counts against its limit for a call: the prompt and the most it may answer. */
  tokensOf(call: GatewayCall, lane: RateLane): number {
    return lane.tokens === null ? 0 : call.state.inputTokens(call).expected + call.state.maxOutputTokens;
  }

  /** What the provider's headers say of its limits. */
  learn(candidate: Candidate, limits: ProviderLimits): void {
    const entry = this.#lane(candidate);
    const now = this.#options.now();
    if (limits.requestsLimit !== undefined && limits.requestsLimit > 0) {
      if (!isLongerWindow(limits.requestsLimit, limits.requestsRemaining, limits.requestsResetAtMs, now)) {
        entry.learnedRequests.set(candidate.model, this.#perWindow(limits.requestsLimit));
        setLimit(entry.lane.requests, smallest(entry.learnedRequests, entry.owned.requests));
      }
    }
    if (limits.tokensLimit !== undefined && limits.tokensLimit > 0) {
      if (!isLongerWindow(limits.tokensLimit, limits.tokensRemaining, limits.tokensResetAtMs, now)) {
        entry.learnedTokens.set(candidate.model, this.#perWindow(limits.tokensLimit));
        const limit = smallest(entry.learnedTokens, entry.owned.tokens);
        if (entry.lane.tokens === null) entry.lane.tokens = this.#quota(`${candidate.account.id}/tokens`, limit, entry);
        else setLimit(entry.lane.tokens, limit);
      }
    }
    for (const kind of ["requests", "tokens"] as const) {
      const resetAtMs = limits[`${kind}ResetAtMs`];
      if (limits[`${kind}Remaining`] === 0 && resetAtMs !== undefined && resetAtMs > now) entry.lane.pause(resetAtMs);
    }
    if (entry.lane.waiting > 0) entry.lane.pump();
  }

  close(): void {
    for (const { lane } of this.#lanes.values()) lane.close();
  }

  #lane(candidate: Candidate): Lane {
    const { account } = candidate;
    let entry = this.#lanes.get(account.id);
    const owned = { requests: account.requestsPerMinute, tokens: account.tokensPerMinute };
    if (entry !== undefined && (entry.owned.requests !== owned.requests || entry.owned.tokens !== owned.tokens)) {
      // The owner changed the limits: start anew with what holds now.
      entry.lane.pump();
      if (entry.lane.waiting === 0) entry = undefined;
    }
    if (entry === undefined) {
      // A server at a private address is the owner's own: it has no published limit.
      const unmetered = account.kind === "offline" || account.kind === "ollama" || account.allowPrivateAddress;
      const requests =
        owned.requests === undefined
          ? unmetered
            ? UNLIMITED
            : this.#options.defaultRequests
          : this.#perWindow(owned.requests);
      const created: Lane = {
        lane: new RateLane({
          label: `the provider account (${account.kind})`,
          requests: null,
          tokens: null,
          now: this.#options.now,
        }),
        learnedRequests: new Map(),
        learnedTokens: new Map(),
        owned,
      };
      created.lane.requests = this.#quota(`${account.id}/requests`, requests, created);
      if (owned.tokens !== undefined) {
        created.lane.tokens = this.#quota(`${account.id}/tokens`, this.#perWindow(owned.tokens), created);
      }
      this.#lanes.set(account.id, created);
      entry = created;
    }
    return entry;
  }

  /** Limits are named per minute; tests and owners may run with other windows. */
  #perWindow(perMinute: number): number {
    return Math.max(1, Math.floor((perMinute * this.#options.windowMs) / 60_000));
  }

  #quota(key: string, limit: number, entry: Lane): Quota {
    const { store, windowMs, now } = this.#options;
    if (store === undefined || limit === UNLIMITED) return new SlidingWindow({ limit, windowMs });
    return new LeasedQuota({
      key,
      limit,
      windowMs,
      store,
      now,
      onChange: () => entry.lane.pump(),
      waiting: () => entry.lane.waiting,
      onPause: (untilMs) => entry.lane.pause(untilMs),
      onError: this.#options.onStoreError,
    });
  }
}

function setLimit(quota: Quota | null, limit: number): void {
  if (quota !== null && quota.limit !== limit) quota.setLimit(limit);
}

function smallest(learned: Map<string, number>, owned: number | undefined): number {
  return Math.min(owned ?? UNLIMITED, ...learned.values());
}

/** From how fast the window refills one can tell how long it is. */
function isLongerWindow(
  limit: number,
  remaining: number | undefined,
  resetAtMs: number | undefined,
  now: number,
): boolean {
  if (remaining === undefined || resetAtMs === undefined || remaining >= limit) return false;
  return ((resetAtMs - now) * limit) / (limit - remaining) > LONGEST_WINDOW_MS;
}
