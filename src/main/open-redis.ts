import { Redis } from "ioredis";
import type { ByteStore } from "#http";
import type { Logger } from "#metrics";
import { musterVersion } from "./version.ts";

/**
 * Opens Redis for the caches and the shared windows. Muster is correct without it: a command fails at once while the
 * server is away (nothing waits in a queue), and whoever sent it goes on with the database.
 */
export function openRedis(url: string, logger: Logger): Redis {
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 2_000,
    commandTimeout: 1_000,
    retryStrategy: (times) => Math.min(2_000, 100 * times),
  });
  let reported = false;
  redis.on("error", (error: Error) => {
    if (!reported) logger.warn({ reason: error.message }, "Redis is away; going on without it");
    reported = true;
  });
  redis.on("ready", () => {
    if (reported) logger.info("Redis is back");
    reported = false;
  });
  return redis;
}

/** Redis as the second level of the answers; versions of Muster keep apart, since answers may look different. */
export function answerStore(redis: Redis): { bytes: ByteStore; prefix: string } {
  const bytes: ByteStore = {
    get: (key) => redis.getBuffer(key),
    set: (key, value, ttlMs) => redis.set(key, value, "PX", Math.max(1, Math.round(ttlMs))),
  };
  return { bytes, prefix: `muster:${musterVersion()}:answers:` };
}
