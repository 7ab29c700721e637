/** Random numbers that are the same for the same seed: what a scenario draws can be drawn again. */
export interface Random {
  /** In [0, 1). */
  next(): number;
  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number;
  pick<Value>(values: readonly Value[]): Value;
  /** A generator of its own, so that what one part draws does not move what another draws. */
  fork(name: string): Random;
}

/** Mulberry32 (T. Ettinger, public domain), seeded with a hash of the seed and a name. */
export function createRandom(seed: number, name = ""): Random {
  let state = hash(`${seed}:${name}`);
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    next,
    between: (low, high) => low + Math.floor(next() * (high - low + 1)),
    pick: (values) => {
      if (values.length === 0) throw new RangeError("There is nothing to pick from.");
      return values[Math.floor(next() * values.length)] as (typeof values)[number];
    },
    fork: (part) => createRandom(seed, `${name}/${part}`),
  };
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const character of text) value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return value | 0;
}
