import { SecondChance } from "./second-chance.ts";

/** Where a value came from: `stale` is an expired one that is being refreshed. */
export type CacheOutcome = "hit" | "miss" | "coalesced" | "stale";

export interface CacheRule {
  /** How long a value is fresh. For as long again it may be shown while it is refreshed, once for all who ask. */
  ttlMs: number;
  /** What the value depends on: `invalidate` with any of these removes it. */
  tags: readonly string[];
  /** Loads may be repeated without a caller: an expired value is shown at once and refreshed aside, a used one can be renewed. */
  repeatable?: boolean;
}

/** A value that a write made old and that may be loaded again before anybody asks for it. */
export interface Renewal {
  /** How often in a row it was renewed already without being asked for. */
  unread: number;
  /** Never rejects. */
  load: () => Promise<void>;
}

export interface TaggedCacheOptions<Value> {
  /** Bytes of all values together; the oldest that nobody asked for go first. */
  maxBytes: number;
  sizeOf: (value: Value) => number;
  /** Milliseconds that never go back. */
  now?: () => number;
}

/**
 * Values by key with tags, single-flight and refresh on expiry.
 *
 * Contract: after `invalidate(tag)` returns, no caller that asks later gets a value whose loading began before it.
 * An invalidated value is never shown again; only one that merely expired is, while a single load refreshes it.
 */
export interface TaggedCache<Value> {
  /** The value if it is fresh; for the fast path. Marks it as used. */
  fresh(key: string): Value | undefined;
  /** The value from the cache, from a load under way, or from `load`. A rejected load is not kept. */
  get(key: string, rule: CacheRule, load: () => Promise<Value>): Promise<{ value: Value; result: CacheOutcome }>;
  /**
   * Returns how to load the dropped values again, those first that were asked for since they were loaded, the most asked
   * for before the others; calling them is optional. What nobody asked for through several renewals is left out.
   */
  invalidate(tags: Iterable<string>): Renewal[];
  /** The size of a value that may be kept under this key has changed. */
  resized(key: string, value: Value): void;
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
  rule: CacheRule;
  load: () => Promise<Value>;
  /** How often it was asked for since it was loaded. */
  reads: number;
  /** Renewals in a row without being asked for: what nobody reads cools down. */
  unread: number;
  /** Asked for since it was last looked at for removal: it then gets a second chance. */
  used: boolean;
}

/** Renewals in a row of a value that nobody reads any more. */
const maxUnread = 4;

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
  const line = new SecondChance(entries);

  function remove(entry: Entry<Value>): void {
    if (entries.get(entry.key) === entry) entries.delete(entry.key);
    bytes -= entry.bytes;
    for (const tag of entry.tags) unlink(entriesByTag, tag, entry);
  }

  function store(key: string, value: Value, rule: CacheRule, load: () => Promise<Value>, unread: number): void {
    const size = options.sizeOf(value);
    if (size > options.maxBytes / 4) return;
    const present = entries.get(key);
    if (present) remove(present);
    const freshUntil = now() + rule.ttlMs;
    const times = { freshUntil, staleUntil: freshUntil + rule.ttlMs };
    const entry = { key, value, bytes: size, ...times, tags: rule.tags, rule, load, reads: 0, unread, used: false };
    entries.set(key, entry);
    bytes += size;
    for (const tag of rule.tags) link(entriesByTag, tag, entry);
    while (bytes > options.maxBytes) {
      const oldest = line.next();
      if (oldest === null) break;
      remove(oldest.entry);
    }
  }

  function start(key: string, rule: CacheRule, load: () => Promise<Value>, unread = 0): Promise<Value> {
    const flight: Flight<Value> = { key, promise: load(), tags: rule.tags, valid: true };
    flights.set(key, flight);
    for (const tag of rule.tags) link(flightsByTag, tag, flight);
    const done = (): void => {
      if (flights.get(key) === flight) flights.delete(key);
      for (const tag of rule.tags) unlink(flightsByTag, tag, flight);
    };
    // The value is stored before anyone who waits for it goes on, and only if nothing was written meanwhile.
    const loaded = flight.promise.then((value) => {
      if (flight.valid) store(key, value, rule, load, unread);
      return value;
    });
    flight.promise = loaded.finally(done);
    return flight.promise;
  }

  async function renew({ key, rule, load, unread }: Entry<Value>): Promise<void> {
    // Who asks meanwhile waits for this load, and hears of its failure by asking again.
    if (!entries.has(key) && !flights.has(key)) await start(key, rule, load, unread + 1).catch(() => undefined);
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
      if (entry && entry.staleUntil > at && (flight || rule.repeatable)) {
        if (!flight) void start(key, rule, load).catch(() => undefined);
        return { value: entry.value, result: "stale" };
      }
      if (flight) return { value: await flight.promise, result: "coalesced" };
      return { value: await start(key, rule, load), result: "miss" };
    },
    invalidate(tags) {
      const wanted: Entry<Value>[] = [];
      for (const tag of tags) {
        for (const entry of [...(entriesByTag.get(tag) ?? [])]) {
          remove(entry);
          if (entry.rule.repeatable && entry.unread < maxUnread) wanted.push(entry);
        }
        for (const flight of flightsByTag.get(tag) ?? []) abandon(flights, flight);
      }
      wanted.sort((a, b) => a.unread - b.unread || b.reads - a.reads);
      return wanted.map((entry) => ({ unread: entry.unread, load: () => renew(entry) }));
    },
    resized(key, value) {
      const entry = entries.get(key);
      if (entry?.value !== value) return;
      bytes -= entry.bytes;
      entry.bytes = options.sizeOf(value);
      bytes += entry.bytes;
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

function abandon<Value>(flights: Map<string, Flight<Value>>, flight: Flight<Value>): void {
  flight.valid = false;
  if (flights.get(flight.key) === flight) flights.delete(flight.key);
}

function touch(entry: { used: boolean; reads: number; unread: number }): void {
  entry.used = true;
  entry.reads++;
  entry.unread = 0;
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
