/** What waits for an idle browser longer than that is done anyway. */
const patienceMs = 5000;

/** Runs something once the browser has nothing else to do. Returns what takes it back. */
export function whenIdle(work: () => void): () => void {
  if (typeof requestIdleCallback === "function") {
    const asked = requestIdleCallback(work, { timeout: patienceMs });
    return () => cancelIdleCallback(asked);
  }
  // Safari has no such callback: a moment after the page was put up does as well.
  const timer = setTimeout(work, 500);
  return () => clearTimeout(timer);
}
