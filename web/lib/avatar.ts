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

/** Where an uploaded picture comes from, and what is shown of it until it is there. */
export interface AvatarSources {
  avif: string;
  webp: string;
  fallback: string;
  /** A miniature as a `data:` address. */
  blur: string;
}

const hashLength = 22;

/** The addresses behind an `avatarKey` (hash, dot, miniature) for screens of one to three times the density. */
export function avatarSources(key: string): AvatarSources {
  const path = `/api/v1/avatars/${key.slice(0, hashLength)}`;
  const miniature = key
    .slice(hashLength + 1)
    .replaceAll("-", "+")
    .replaceAll("_", "/");
  const set = (format: string) => `${path}/40.${format} 1x, ${path}/80.${format} 2x, ${path}/160.${format} 3x`;
  return {
    avif: set("avif"),
    webp: set("webp"),
    fallback: `${path}/80.webp`,
    blur: `data:image/webp;base64,${miniature}`,
  };
}
