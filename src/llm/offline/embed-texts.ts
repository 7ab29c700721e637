import { wordsOf } from "./rank-passages.ts";

const DEFAULT_DIMENSIONS = 256;

/**
 * Turns texts into vectors by hashing their words (Weinberger et al., Feature Hashing, 2009): texts that share words come out
 * near each other. No meaning is known; unit length, the same vector for the same text.
 */
export function embedTexts(texts: readonly string[], dimensions = DEFAULT_DIMENSIONS): number[][] {
  return texts.map((text) => {
    const vector = new Array<number>(dimensions).fill(0);
    for (const word of wordsOf(text)) {
      const hash = hashOf(word);
      const index = hash % dimensions;
      vector[index] = (vector[index] ?? 0) + (hash & 0x4000_0000 ? 1 : -1);
    }
    const length = Math.hypot(...vector) || 1;
    return vector.map((value) => value / length);
  });
}

/** FNV-1a, 32 bits (Fowler, Noll, Vo), without its sign bit. */
function hashOf(word: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < word.length; index += 1) {
    hash = Math.imul(hash ^ word.charCodeAt(index), 0x01000193);
  }
  return hash >>> 1;
}
