/** One or two letters for a name: "Data Analyst" → "DA", "Writer" → "W". */
export function initials(name: string): string {
  const words = name
    .trim()
    .split(/[\s_-]+/)
    .filter(Boolean);
  const [first = "?", ...others] = words;
  const last = others.at(-1);
  return (first.slice(0, 1) + (last?.slice(0, 1) ?? "")).toUpperCase();
}

/** A hue in degrees, the same for the same text: one of twelve, so that neighbours can be told apart. */
export function avatarHue(text: string): number {
  let hash = 2166136261;
  for (const character of text.toLowerCase()) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16_777_619);
  }
  return ((hash >>> 0) % 12) * 30 + 15;
}
