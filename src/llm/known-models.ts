/**
 * Facts the price table does not have: the most output tokens of models that refuse more (providers' model pages).
 * Newer models allow at least 16,384 and are absent.
 */
const outputCaps: [RegExp, number][] = [
  [/^claude-(3-(haiku|opus|sonnet)|2|v1|instant)/, 4096],
  [/^claude-3-5-/, 8192],
  [/^gpt-3\.5/, 4096],
  [/^gpt-4(-0|-1|-turbo|-vision|-preview|$)/, 4096],
  [/^gemini-(1|2\.0)/, 8192],
];

/** Null: no cap known. */
export function knownMaxOutputTokens(model: string): number | null {
  return outputCaps.find(([pattern]) => pattern.test(model))?.[1] ?? null;
}

/** Output tokens asked for when the caller names no number. */
export const DEFAULT_MAX_OUTPUT_TOKENS = 8192;

/** Models worth offering of each provider that has too many to list; all others still work by their id. */
export const offeredModels = {
  openai: [
    /^gpt-(4o|4\.1|5|6)(\.\d)?(-(mini|nano|pro|sol|luna|terra|astra|codex))?$/,
    /^o[3-9](-mini|-pro)?$/,
    /^text-embedding-3-/,
  ],
  anthropic: [/^claude-(opus|sonnet|haiku|fable)-[4-9](-\d)?$/],
  google: [/^gemini-(2\.5|[3-9](\.\d)?)-(pro|flash|flash-lite)(-preview)?$/, /^gemini-embedding-/],
} as const;
