/** A token bucket for each key: `burst` at once, `perSecond` in the long run. */
export interface RateLimiter {
  /** Takes one; 0 when allowed, else the seconds to wait (at least 1). */
  take(key: string): number;
}

interface Bucket {
  tokens: number;
  at: number;
}

const maxBuckets = 50_000;

/** Creates the limiter of this process. Full buckets are forgotten, so memory is bounded by recent use. */
export function createRateLimiter(
  rate: { perSecond: number; burst: number },
  now: () => number = () => performance.now(),
): RateLimiter {
  const buckets = new Map<string, Bucket>();

  function sweep(at: number): void {
    const fullAfterMs = (rate.burst / rate.perSecond) * 1_000;
    for (const [key, bucket] of buckets) if (at - bucket.at > fullAfterMs) buckets.delete(key);
    // Still too many: someone invents keys. Forgetting the oldest only lets them start with a full bucket again.
    for (const key of buckets.keys()) {
      if (buckets.size <= maxBuckets / 2) break;
      buckets.delete(key);
    }
  }

  return {
    take(key) {
      const at = now();
      let bucket = buckets.get(key);
      if (!bucket) {
        if (buckets.size >= maxBuckets) sweep(at);
        bucket = { tokens: rate.burst, at };
        buckets.set(key, bucket);
      }
      bucket.tokens = Math.min(rate.burst, bucket.tokens + ((at - bucket.at) / 1_000) * rate.perSecond);
      bucket.at = at;
      if (bucket.tokens >= 1) {
        bucket.tokens -= 1;
        return 0;
      }
      return Math.max(1, Math.ceil((1 - bucket.tokens) / rate.perSecond));
    },
  };
}
