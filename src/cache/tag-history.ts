/**
 * What this process had heard of the tags of a value when its loading began: it travels with the value into a store that
 * other processes read.
 */
export interface Stamp {
  /** The era that was going on. */
  era: string;
  /** Of each tag the id of the last invalidation heard; null: none so far. In the order of the tags. */
  ids: (string | null)[];
}

/**
 * Which invalidations this process has heard of, to judge values that another process loaded.
 *
 * Contract: `accepts` is true only if no invalidation of these tags that this process has heard or made came after the value's
 * loading began. It rests on the one order in which all processes hear messages: an era begins with a message (a process
 * joins), so a value stamped in an era that this process knows was loaded after it began to listen; from then on every
 * invalidation is known here, and the last one of each tag must be the one the loader knew. What this process itself
 * invalidated counts as unknown until it has heard its own message in that order.
 */
export interface TagHistory {
  /** A message that begins an era was heard. */
  beginEra(era: string): void;
  /** These were invalidated here; nothing about them is sure until `heardOwn`. */
  invalidated(tags: Iterable<string>): void;
  /** Taken when a message about the invalidations made so far is sent, given to `heardOwn` when it comes back. */
  mark(): number;
  heardOwn(tags: readonly string[], id: string, mark: number): void;
  heard(tags: readonly string[], id: string): void;
  /** Something may have been missed: nothing is known until the next era. */
  reset(): void;
  /** For a value whose loading begins now; null when others could not judge it. */
  stamp(tags: readonly string[]): Stamp | null;
  accepts(stamp: Stamp, tags: readonly string[]): boolean;
}

const keptEras = 50;
const keptTags = 100_000;

/** Creates a history that knows nothing yet. `onFull` is to begin a new era: the oldest knowledge was given up. */
export function createTagHistory(onFull: () => void = () => undefined): TagHistory {
  const eras = new Set<string>();
  let era: string | null = null;
  let made = 0;
  /** An id that was heard, or the number of an invalidation of our own that was not heard yet. */
  const last = new Map<string, string | number>();

  function note(tag: string, value: string | number): void {
    last.set(tag, value);
    if (last.size <= keptTags) return;
    reset();
    onFull();
  }

  function reset(): void {
    eras.clear();
    last.clear();
    era = null;
  }

  return {
    beginEra(id) {
      era = id;
      eras.add(id);
      if (eras.size > keptEras) eras.delete(eras.values().next().value ?? "");
    },
    invalidated(tags) {
      made++;
      for (const tag of tags) note(tag, made);
    },
    mark: () => made,
    heardOwn(tags, id, mark) {
      for (const tag of tags) {
        const known = last.get(tag);
        if (typeof known !== "number" || known <= mark) note(tag, id);
      }
    },
    heard(tags, id) {
      // One of our own that is still on its way comes later in the order: it stays unknown.
      for (const tag of tags) if (typeof last.get(tag) !== "number") note(tag, id);
    },
    reset,
    stamp(tags) {
      if (era === null) return null;
      const ids: (string | null)[] = [];
      for (const tag of tags) {
        const known = last.get(tag) ?? null;
        if (typeof known === "number") return null;
        ids.push(known);
      }
      return { era, ids };
    },
    accepts(stamp, tags) {
      if (!eras.has(stamp.era) || stamp.ids.length !== tags.length) return false;
      return tags.every((tag, index) => {
        const known = last.get(tag);
        return known === undefined || known === stamp.ids[index];
      });
    },
  };
}
