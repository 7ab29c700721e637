import type { Redis } from "ioredis";
import type { CachedAnswer, CacheStore } from "./cache-store.ts";

/** Commands of ioredis that the store uses. */
export type RedisCommands = Pick<Redis, "get" | "set" | "hset" | "hgetall" | "hdel" | "del" | "pexpire">;

/**
 * The cache's second level in Redis: an entry per key with its own expiry, and per tenant a hash of what is there for
 * purging. The hash may name entries that have expired; it never lacks one that is there.
 */
export function redisCacheStore(redis: RedisCommands, prefix = "muster:llm:"): CacheStore {
  const entryKey = (key: string): string => `${prefix}entry:${key}`;
  const indexKey = (tenantId: string): string => `${prefix}index:${tenantId}`;
  return {
    async get(key) {
      const text = await redis.get(entryKey(key));
      return text === null ? null : (JSON.parse(text) as CachedAnswer);
    },
    async set(key, answer, tags, ttlMs) {
      const index = indexKey(tags.tenantId);
      await redis.hset(index, key, JSON.stringify([tags.squadId, tags.model]));
      await redis.pexpire(index, ttlMs);
      await redis.set(entryKey(key), JSON.stringify(answer), "PX", Math.max(1, Math.round(ttlMs)));
    },
    async purge({ tenantId, squadId, model }) {
      const index = indexKey(tenantId);
      const keys = Object.entries(await redis.hgetall(index))
        .filter(([, tags]) => {
          const [entrySquad, entryModel] = JSON.parse(tags) as [string | null, string];
          return (squadId === undefined || squadId === entrySquad) && (model === undefined || model === entryModel);
        })
        .map(([key]) => key);
      if (keys.length === 0) return 0;
      const removed = await redis.del(...keys.map(entryKey));
      await redis.hdel(index, ...keys);
      return removed;
    },
  };
}
