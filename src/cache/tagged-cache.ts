/** Where a value came from: `stale` is an expired one that another caller is refreshing. */
export type CacheOutcome = "hit" | "miss" | "coalesced" | "stale";

export interface CacheRule {
  /** How long a value is fresh. For as long again it may be shown while one caller refreshes it. */
  ttlMs: number;
  /** What the value depends on: `invalidate` with any of these removes it. */
  tags: readonly string[];
}

export interface TaggedCacheOptions<Value> {
  /** Bytes of all values together; the least recently used go first. */
  maxBytes: number;
  sizeOf: (value: Value) => number;
  /** Milliseconds that never go back. */
  now?: () => number;
}

/**
 * Values by key with tags, single-flight and refresh on expiry.
 *
 * Contract: after `invalidate(tag)` returns, no caller that asks later gets a value whose loading began before it.
 * An invalidated value is never shown again; only one that merely expired is, while a single caller refreshes it.
 */
export interface TaggedCache<Value> {
  /** The value if it is fresh; for the fast path. Marks it as used. */
  fresh(key: string): Value | undefined;
  /** The value from the cache, from a load under way, or from `load`. A rejected load is not kept. */
  get(key: string, rule: CacheRule, load: () => Promise<Value>): Promise<{ value: Value; result: CacheOutcome }>;
  invalidate(tags: Iterable<string>): void;
  clear(): void;
  /** Entries and bytes held, for tests and gauges. */
  size(): { entries: number; bytes: number };
}

interface Entry<Value> {
  key: string;
  value: Value;
  bytes: number;
  freshUntil: number;
  staleUntil: number;
  tags: readonly string[];
}

interface Flight<Value> {
  key: string;
  promise: Promise<Value>;
  tags: readonly string[];
  /** False once a tag was invalidated: what it brings is older than the write. */
  valid: boolean;
}

/** Creates an empty cache in the memory of this process. */
export function createTaggedCache<Value>(options: TaggedCacheOptions<Value>): TaggedCache<Value> {
  const now = options.now ?? (() => performance.now());
  const entries = new Map<string, Entry<Value>>();
  const flights = new Map<string, Flight<Value>>();
  const entriesByTag = new Map<string, Set<Entry<Value>>>();
  const flightsByTag = new Map<string, Set<Flight<Value>>>();
  let bytes = 0;

  function remove(entry: Entry<Value>): void {
    if (entries.get(entry.key) === entry) entries.delete(entry.key);
    bytes -= entry.bytes;
    for (const tag of entry.tags) unlink(entriesByTag, tag, entry);
  }

  function store(key: string, value: Value, rule: CacheRule): void {
    const size = options.sizeOf(value);
    if (size > options.maxBytes / 4) return;
    const present = entries.get(key);
    if (present) remove(present);
    const at = now();
    const entry = {
      key,
      value,
      bytes: size,
      freshUntil: at + rule.ttlMs,
      staleUntil: at + 2 * rule.ttlMs,
      tags: rule.tags,
    };
    entries.set(key, entry);
    bytes += size;
    for (const tag of rule.tags) link(entriesByTag, tag, entry);
    for (const oldest of entries.values()) {
      if (bytes <= options.maxBytes) break;
      remove(oldest);
    }
  }

  function start(key: string, rule: CacheRule, load: () => Promise<Value>): Promise<Value> {
    const flight: Flight<Value> = { key, promise: load(), tags: rule.tags, valid: true };
    flights.set(key, flight);
    for (const tag of rule.tags) link(flightsByTag, tag, flight);
    const done = (): void => {
      if (flights.get(key) === flight) flights.delete(key);
      for (const tag of rule.tags) unlink(flightsByTag, tag, flight);
    };
    // The value is stored before anyone who waits for it goes on, and only if nothing was written meanwhile.
    flight.promise = flight.promise.then(
      (value) => {
        done();
        if (flight.valid) store(key, value, rule);
        return value;
      },
      (error: unknown) => {
        done();
        throw error;
      },
    );
    return flight.promise;
  }

  function touch(entry: Entry<Value>): void {
    entries.delete(entry.key);
    entries.set(entry.key, entry);
  }

  return {
    fresh(key) {
      const entry = entries.get(key);
      if (!entry || entry.freshUntil <= now()) return undefined;
      touch(entry);
      return entry.value;
    },
    async get(key, rule, load) {
      const entry = entries.get(key);
      const at = now();
      if (entry && entry.freshUntil > at) {
        touch(entry);
        return { value: entry.value, result: "hit" };
      }
      const flight = flights.get(key);
      if (entry && flight && entry.staleUntil > at) return { value: entry.value, result: "stale" };
      if (flight) return { value: await flight.promise, result: "coalesced" };
      return { value: await start(key, rule, load), result: "miss" };
    },
    invalidate(tags) {
      for (const tag of tags) {
        for (const entry of [...(entriesByTag.get(tag) ?? [])]) remove(entry);
        for (const flight of flightsByTag.get(tag) ?? []) {
          flight.valid = false;
          if (flights.get(flight.key) === flight) flights.delete(flight.key);
        }
      }
    },
    clear() {
      for (const flight of flights.values()) flight.valid = false;
      flights.clear();
      entries.clear();
      entriesByTag.clear();
      bytes = 0;
    },
    size: () => ({ entries: entries.size, bytes }),
  };
}

function link<Item>(index: Map<string, Set<Item>>, tag: string, item: Item): void {
  const set = index.get(tag);
  if (set) set.add(item);
  else index.set(tag, new Set([item]));
}

function unlink<Item>(index: Map<string, Set<Item>>, tag: string, item: Item): void {
  const set = index.get(tag);
  if (!set) return;
  set.delete(item);
  if (set.size === 0) index.delete(tag);
}
