/** What is kept to be answered again: tagged values in memory, single-flight, invalidation. */
export {
  type CacheOutcome,
  type CacheRule,
  createTaggedCache,
  type TaggedCache,
  type TaggedCacheOptions,
} from "./tagged-cache.ts";
