import type { Page } from "playwright-core";

/** What one visit of a page measured. Times are milliseconds; `cls` has no unit; `bytes` as they came over the wire. */
export interface Figures {
  fcpMs: number;
  lcpMs: number;
  cls: number;
  /** The longest interaction (Event Timing), at least 16 ms as the API has it; 0 when none was that long. */
  inpMs: number;
  /** Sum of what long tasks took beyond 50 ms. */
  tbtMs: number;
  bytes: number;
}

/** Runs in the page before anything else and gathers what the browser reports. */
export const observerScript = `(() => {
  const seen = (globalThis.musterFigures = { fcpMs: 0, lcpMs: 0, cls: 0, inpMs: 0, tbtMs: 0 });
  const watch = (type, note, options = {}) =>
    new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({ type, buffered: true, ...options });
  watch("paint", (entry) => { if (entry.name === "first-contentful-paint") seen.fcpMs = entry.startTime; });
  watch("largest-contentful-paint", (entry) => { seen.lcpMs = entry.startTime; });
  watch("layout-shift", (entry) => { if (!entry.hadRecentInput) seen.cls += entry.value; });
  watch("event", (entry) => { if (entry.interactionId) seen.inpMs = Math.max(seen.inpMs, entry.duration); }, { durationThreshold: 16 });
  watch("longtask", (entry) => { seen.tbtMs += Math.max(0, entry.duration - 50); });
})()`;

/** The figures so far, after the next two frames (so that the last input's paint is in). */
export function readFigures(page: Page): Promise<Omit<Figures, "bytes">> {
  return page.evaluate(
    "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(globalThis.musterFigures), 50))))",
  );
}

/** The median of each figure by itself. */
export function medianOf(taken: readonly Figures[]): Figures {
  const median = (name: keyof Figures) => {
    const sorted = taken.map((figures) => figures[name]).sort((one, other) => one - other);
    return sorted[Math.floor(sorted.length / 2)] ?? 0;
  };
  return {
    fcpMs: median("fcpMs"),
    lcpMs: median("lcpMs"),
    cls: median("cls"),
    inpMs: median("inpMs"),
    tbtMs: median("tbtMs"),
    bytes: median("bytes"),
  };
}

/** Starts to note the time between two frames; call it in the page. */
export const startFrames = `(() => {
  const deltas = (globalThis.musterFrames = []);
  let last = performance.now();
  const next = (now) => {
    deltas.push(now - last);
    last = now;
    if (globalThis.musterFrames === deltas) requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
})()`;

/** Ends the noting and returns the times between frames in milliseconds; the first, which began in mid-frame, is left out. */
export function readFrames(page: Page): Promise<number[]> {
  return page.evaluate(
    "(() => { const deltas = globalThis.musterFrames; globalThis.musterFrames = null; return deltas.slice(1); })()",
  );
}
