/** What is kept to be answered again: tagged values in memory, single-flight, invalidation in all processes. */
export {
  type BusListener,
  createInvalidationBus,
  type InvalidationBus,
  type InvalidationBusOptions,
} from "./invalidation-bus.ts";
export { SecondChance } from "./second-chance.ts";
export { createTagHistory, type Stamp, type TagHistory } from "./tag-history.ts";
export {
  type CacheOutcome,
  type CacheRule,
  createTaggedCache,
  type Renewal,
  type TaggedCache,
  type TaggedCacheOptions,
} from "./tagged-cache.ts";
