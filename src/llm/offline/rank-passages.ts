/** Words that say nothing about a subject. */
const stopWords = new Set(
  "a an and are as at be but by can cannot do does for from has have how if in into is it its may must no not of on or our should so than that the their them then there these they this to was we what when which who why will with you your find instead propose".split(
    " ",
  ),
);

/** The words of a text that carry meaning, lower case; `snake_case` and `camelCase` count as their parts too. */
export function wordsOf(text: string): string[] {
  const words: string[] = [];
  for (const match of text.matchAll(/[\p{L}\p{N}_]+/gu)) {
    const word = match[0];
    const parts = word.includes("_") || /[a-z][A-Z]/.test(word) ? word.split(/_|(?<=[a-z])(?=[A-Z])/) : [word];
    for (const part of parts) {
      const lower = part.toLowerCase();
      if (lower.length > 1 && !stopWords.has(lower)) words.push(stem(lower));
    }
  }
  return words;
}

/** Enough of a stem that "queries" meets "query" and "claims" meets "claim". */
function stem(word: string): string {
  if (word.length > 4 && word.endsWith("ies")) return `${word.slice(0, -3)}y`;
  if (word.length > 3 && word.endsWith("s") && !word.endsWith("ss")) return word.slice(0, -1);
  return word;
}

// Usual values of BM25 (Robertson, Zaragoza: The Probabilistic Relevance Framework, 2009).
const K1 = 1.2;
const B = 0.75;

/**
 * Ranks texts against a query by BM25: rare shared words count more, long texts less. Returns indexes with their scores, best
 * first, without those that share no word; equal scores keep the order of the texts.
 */
export function rankTexts(query: string, texts: readonly string[]): { index: number; score: number }[] {
  const wanted = new Set(wordsOf(query));
  const counted = texts.map((text) => countWords(wordsOf(text)));
  const averageLength = counted.reduce((sum, each) => sum + each.length, 0) / Math.max(1, counted.length) || 1;
  const scores = counted.map(() => 0);
  for (const word of wanted) {
    const having = counted.filter((each) => each.counts.has(word)).length;
    if (having === 0) continue;
    const rarity = Math.log(1 + (counted.length - having + 0.5) / (having + 0.5));
    for (const [index, { counts, length }] of counted.entries()) {
      const count = counts.get(word) ?? 0;
      if (count === 0) continue;
      const norm = count + K1 * (1 - B + (B * length) / averageLength);
      scores[index] = (scores[index] ?? 0) + (rarity * count * (K1 + 1)) / norm;
    }
  }
  return scores
    .map((score, index) => ({ index, score }))
    .filter(({ score }) => score > 0)
    .sort((left, right) => right.score - left.score || left.index - right.index);
}

function countWords(words: readonly string[]): { counts: Map<string, number>; length: number } {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return { counts, length: words.length };
}
