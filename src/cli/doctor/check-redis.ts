import { Redis } from "ioredis";
import type { Config } from "#config";
import { type Finding, findingsOf } from "./finding.ts";

/** Redis, where one is configured. Muster is correct without it: being away is a warning. */
export async function checkRedis(config: Config): Promise<Finding[]> {
  const { found, add } = findingsOf("redis");
  if (config.redisUrl === null) {
    add("ok", "no Redis; it is needed only to share caches between processes");
    return found;
  }
  const { host } = new URL(config.redisUrl);
  const redis = new Redis(config.redisUrl, { lazyConnect: true, connectTimeout: 3_000, retryStrategy: () => null });
  let reason = "";
  redis.on("error", (error: Error) => {
    reason = "code" in error ? ` (${String(error.code)})` : "";
  });
  try {
    await redis.connect();
    const memory = await redis.info("memory");
    const limited = /^maxmemory:0\s*$/m.test(memory) === false;
    add("ok", `Redis at ${host} answers`);
    if (!limited) {
      add(
        "warning",
        `Redis at ${host} has no memory limit`,
        "set maxmemory and maxmemory-policy allkeys-lru in its configuration",
      );
    }
  } catch (error) {
    const refused = error instanceof Error && /NOAUTH|WRONGPASS/.test(error.message);
    add(
      "warning",
      refused ? `Redis at ${host} refuses the password` : `Redis at ${host} does not answer${reason}`,
      "start it, or check REDIS_URL; until then Muster goes on without it",
    );
  } finally {
    redis.disconnect();
  }
  return found;
}
