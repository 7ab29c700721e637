import type { LlmFrame, LlmReply } from "../types.ts";

/** A whole answer as it is kept. The frames are those of the first caller, byte for byte. */
export interface CachedAnswer {
  frames: LlmFrame[];
  reply: LlmReply;
  /** Nano-USD the answer cost; what a hit saves. Null: price not known. */
  costNanoUsd: number | null;
  storedAtMs: number;
}

export interface CacheTags {
  tenantId: string;
  squadId: string | null;
  model: string;
}

/** Which of a tenant's answers; absent fields take all. */
export interface CacheFilter {
  tenantId: string;
  squadId?: string;
  /** As the provider names it, which is the usage row's name too. */
  model?: string;
}

/**
 * A level of the cache.
 *
 * Contract: `get` returns only what was `set` under exactly this key and has not expired; a store that fails rejects and
 * the cache goes on without it. Keys are opaque and already carry the tenant.
 */
export interface CacheStore {
  get(key: string): Promise<CachedAnswer | null>;
  set(key: string, answer: CachedAnswer, tags: CacheTags, ttlMs: number): Promise<void>;
  /** Forgets a tenant's entries, all or of one squad or model; returns how many. */
  purge(filter: CacheFilter): Promise<number>;
}
