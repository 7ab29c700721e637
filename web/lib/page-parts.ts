/** Parts that a page shows at once though their script is loaded on demand. */
const parts: Promise<unknown>[] = [];

/**
 * Asks for a part's script as soon as the page's own script runs, not when it is first drawn: it arrives while the
 * document is hydrated. A failure shows where the part is drawn. On the server it does nothing.
 */
export function loadEarly(load: () => Promise<unknown>): void {
  if (typeof window === "undefined") return;
  parts.push(load().catch(() => undefined));
}

/** When everything asked for so far has arrived, or failed. */
export async function partsLoaded(): Promise<void> {
  await Promise.all(parts);
}
