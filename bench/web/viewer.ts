import type { Page } from "playwright-core";
import { readFrames, startFrames } from "./figures.ts";
import type { LiveMessages } from "./live-messages.ts";
import type { BenchPage } from "./seed-pages.ts";
import { type Slowdown, type Visitor, visit } from "./visit.ts";

/** What the viewer did while messages streamed in. */
export interface ViewerFigures {
  /** Share of frames that came within 20 ms of the one before (60 a second are one each 16.7 ms). */
  following: FrameFigures;
  /** The same while the wheel turns. */
  scrolling: FrameFigures;
  /** Pixels that the newest message was from the lower edge after following, and the scroll moved by itself after letting go. */
  behindPx: number;
  driftPx: number;
}

export interface FrameFigures {
  smoothShare: number;
  framesPerSecond: number;
  worstMs: number;
}

const smoothMs = 20;

function frameFigures(deltas: readonly number[]): FrameFigures {
  const total = deltas.reduce((sum, delta) => sum + delta, 0);
  return {
    smoothShare: deltas.filter((delta) => delta <= smoothMs).length / Math.max(1, deltas.length),
    framesPerSecond: (deltas.length / Math.max(1, total)) * 1000,
    worstMs: Math.max(0, ...deltas),
  };
}

interface Place {
  top: number;
  behind: number;
}

function place(tab: Page): Promise<Place> {
  return tab.evaluate(
    "(() => { const log = document.querySelector('[role=log]'); return { top: log.scrollTop, behind: log.scrollHeight - log.scrollTop - log.clientHeight }; })()",
  );
}

/** Watches messages stream in: following for some seconds, then scrolling up, then at rest somewhere above. */
export function measureViewer(
  visitor: Visitor,
  page: BenchPage,
  cpu: Slowdown,
  live: LiveMessages,
  durationMs: number,
): Promise<ViewerFigures> {
  return visit(visitor, page, cpu, async (tab) => {
    const log = tab.getByRole("log");
    await tab.getByText("Live", { exact: true }).first().waitFor();
    live.start(50);
    try {
      // The first batches bring the stream up to date.
      await tab.waitForTimeout(1500);
      await tab.evaluate(startFrames);
      await tab.waitForTimeout(durationMs);
      const following = frameFigures(await readFrames(tab));
      const { behind } = await place(tab);
      await log.hover();
      await tab.evaluate(startFrames);
      const end = performance.now() + durationMs / 2;
      while (performance.now() < end) await tab.mouse.wheel(0, -60);
      const scrolling = frameFigures(await readFrames(tab));
      // At rest above: what comes in below must not move what is read.
      await tab.waitForTimeout(400);
      const before = await place(tab);
      await tab.waitForTimeout(durationMs / 4);
      const after = await place(tab);
      return { following, scrolling, behindPx: behind, driftPx: Math.abs(after.top - before.top) };
    } finally {
      await live.stop();
    }
  });
}
