import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import type { LimitLease, LimitStore } from "../rate/leased-quota.ts";

/** Leases of a window: a sorted set by the time they cease to count, their amounts in a hash, the pause in a string. */
const leaseScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local limit, want, counts = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do redis.call('HDEL', KEYS[2], id) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local used = 0
for _, amount in ipairs(redis.call('HVALS', KEYS[2])) do used = used + tonumber(amount) end
local granted = math.max(0, math.min(want, limit - used))
if granted > 0 then
  redis.call('ZADD', KEYS[1], now + counts, ARGV[4])
  redis.call('HSET', KEYS[2], ARGV[4], granted)
  redis.call('PEXPIRE', KEYS[1], counts + 1000)
  redis.call('PEXPIRE', KEYS[2], counts + 1000)
end
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
local retry = 0
if first[2] then retry = tonumber(first[2]) - now end
local pause = tonumber(redis.call('GET', KEYS[3]) or '0') - now
return { granted, math.ceil(retry), math.ceil(math.max(0, pause)) }
`;

const giveBackScript = `
local amount = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0')
if amount > 0 then redis.call('HSET', KEYS[1], ARGV[1], math.max(0, amount - tonumber(ARGV[2]))) end
return 1
`;

const pauseScript = `
local time = redis.call('TIME')
local untilMs = time[1] * 1000 + time[2] / 1000 + tonumber(ARGV[1])
if untilMs > tonumber(redis.call('GET', KEYS[1]) or '0') then
  redis.call('SET', KEYS[1], untilMs, 'PX', math.ceil(tonumber(ARGV[1])) + 1000)
end
return 1
`;

/** Rate windows in Redis. A Redis that is away lets nobody start: use PostgreSQL where that must not happen. */
export function redisLimitStore(redis: Pick<Redis, "eval">, prefix = "muster:llm:rate:"): LimitStore {
  // Braces keep the keys of one window on one node of a cluster.
  const keyOf = (key: string, part: string): string => `${prefix}{${key}}:${part}`;
  return {
    async lease({ key, limit, want, countsMs }): Promise<LimitLease> {
      const leaseId = randomUUID();
      const keys = [keyOf(key, "leases"), keyOf(key, "amounts"), keyOf(key, "pause")];
      const result = (await redis.eval(leaseScript, 3, ...keys, limit, want, countsMs, leaseId)) as [
        number,
        number,
        number,
      ];
      const [granted, retryInMs, pausedMs] = result;
      return { leaseId: granted > 0 ? leaseId : null, granted, retryInMs, pausedMs };
    },
    async giveBack(key, leaseId, amount) {
      await redis.eval(giveBackScript, 1, keyOf(key, "amounts"), leaseId, Math.floor(amount));
    },
    async pause(key, forMs) {
      await redis.eval(pauseScript, 1, keyOf(key, "pause"), forMs);
    },
  };
}
