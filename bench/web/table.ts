/**
 * How fast the pages feel: FCP, LCP, CLS, INP, blocking time and bytes in a real Chromium against the real server, at full
 * speed and with the CPU slowed four times; the frames of the viewer while messages stream in; Lighthouse.
 */
import { existsSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { startPacedProvider } from "../../test/e2e/support/paced-provider.ts";
import { type Call, callerOf } from "../../test/e2e/support/people.ts";
import { waitUntil } from "../../test/e2e/support/running-muster.ts";
import { seedSamples } from "../../test/e2e/support/samples.ts";
import { launchBrowser } from "../../test/support/browser.ts";
import { type BenchGroup, placeOf } from "../harness/groups.ts";
import { type BenchRow, judged, unmeasured } from "../harness/row.ts";
import { type BenchMuster, startBenchMuster } from "../support/start-bench-muster.ts";
import { type Figures, medianOf } from "./figures.ts";
import { type LighthouseOptions, lighthouseRows } from "./lighthouse.ts";
import { openLiveMessages } from "./live-messages.ts";
import { type BenchPage, benchPages, growSquads, livePage, squadsPage, startWaitingExecution } from "./seed-pages.ts";
import { type FrameFigures, measureViewer, type ViewerFigures } from "./viewer.ts";
import { measureVisit, type Slowdown, type Visitor } from "./visit.ts";

type Limits = Pick<Figures, "fcpMs" | "lcpMs" | "cls" | "inpMs">;

const limits: Record<Slowdown, Limits> = {
  1: { fcpMs: 500, lcpMs: 1000, cls: 0, inpMs: 100 },
  4: { fcpMs: 1000, lcpMs: 2000, cls: 0, inpMs: 200 },
};
const groups: Record<Slowdown, BenchGroup> = { 1: "Pages", 4: "Pages, CPU slowed 4 times" };
const viewerGroup: BenchGroup = "Message viewer, 10,000 messages, 50 new a second";
const visitsEach = 5;
/** The floor: a built page with the same frame of scripts and nothing to ask for. */
const wordsAlone: BenchPage = { name: "words alone", path: "/shortcuts", ready: "text=Everywhere" };
const historyMessages = 10_000;
/**
 * How long messages stream in while Lighthouse loads the live page. Then they stop: without five seconds of rest there is no
 * time to interactive, so no blocking time and no score.
 */
const streamedSeconds = 10;
/** Least share of frames in time for "60 a second", and with the slowed CPU for "never sticks". */
const smoothShares: Record<Slowdown, number> = { 1: 0.95, 4: 0.8 };

/** All rows of the web, in about ten minutes; `full` has three Lighthouse runs a page instead of one. */
export async function webTable({ full, log }: { full: boolean; log: (line: string) => void }): Promise<BenchRow[]> {
  if (!existsSync(new URL("../../web/out/index.html", import.meta.url))) {
    return [unmeasured(groups[1], "all rows", "–", "the UI is not built: npm run build")];
  }
  log("Pages: filling a database");
  const provider = await startPacedProvider({ latencyMs: 3_600_000, wordsPerSecond: 60 });
  const muster = await startBenchMuster();
  const browser = await launchBrowser();
  try {
    return await measureAll({ muster, browser, provider, full, log });
  } finally {
    await browser.close();
    // The provider's open call ends with it, and with that the execution that waits for it.
    await provider.close();
    await muster.stop();
  }
}

interface Bench {
  muster: BenchMuster;
  browser: Visitor["browser"];
  provider: Awaited<ReturnType<typeof startPacedProvider>>;
  full: boolean;
  log: (line: string) => void;
}

async function measureAll({ muster, browser, provider, full, log }: Bench): Promise<BenchRow[]> {
  const url = muster.url ?? "";
  const context = await browser.newContext();
  const call: Call = callerOf(context, { url });
  await call("POST", "/auth/sign-in", { email: "bench@example.org", password: "bench-bench-bench" });
  const session = await context.storageState();
  const visitor: Visitor = { browser, url, session };
  const rows: BenchRow[] = [];
  const floors = { 1: "", 4: "" };
  const visits = async (page: BenchPage, cpu: Slowdown) => {
    const taken: Figures[] = [];
    for (let run = 0; run < visitsEach; run++) taken.push(await measureVisit(visitor, page, cpu));
    return medianOf(taken);
  };
  const measure = async (page: BenchPage) => {
    for (const cpu of [1, 4] as const) {
      const row = pageRow(page.name, cpu, await visits(page, cpu), floors[cpu]);
      log(`${page.name}${cpu === 1 ? "" : ", CPU / 4"}: ${row.figure}`);
      rows.push(row);
    }
  };

  for (const cpu of [1, 4] as const) {
    const floor = await visits(wordsAlone, cpu);
    floors[cpu] = `FCP ${seconds(floor.fcpMs)}, LCP ${seconds(floor.lcpMs)}, INP ${Math.round(floor.inpMs)} ms`;
    log(`a page of words alone${cpu === 1 ? "" : ", CPU / 4"}: ${floors[cpu]}`);
  }
  const lighthouseOf = async (pages: readonly BenchPage[], meanwhile?: LighthouseOptions["meanwhile"]) =>
    rows.push(...(await lighthouseRows({ url, session, pages, runs: full ? 3 : 1, log, meanwhile })));
  await growSquads(call, 20);
  await measure(squadsPage(20));
  await lighthouseOf([squadsPage(20)]);
  const samples = await seedSamples(call);
  await growSquads(call, 100);
  const executionId = await startWaitingExecution(call, provider);
  await waitUntil(
    30_000,
    () => "The execution for the viewer does not run",
    async () =>
      (await call<{ execution: { status: string } }>("GET", `/executions/${executionId}`)).execution.status ===
      "running",
  );
  const live = await openLiveMessages(muster.databaseUrl, executionId, historyMessages);
  try {
    const pages = benchPages(samples, executionId);
    for (const page of pages) {
      const streams = page.name === livePage;
      if (streams) live.start(50);
      await measure(page);
      if (streams) await live.stop();
    }
    const viewer = pages.find((page) => page.name === livePage);
    for (const cpu of [1, 4] as const) {
      log(`Viewer${cpu === 1 ? "" : ", CPU / 4"}`);
      if (viewer) rows.push(...viewerRows(cpu, await measureViewer(visitor, viewer, cpu, live, full ? 10_000 : 6000)));
    }
    await lighthouseOf(pages.filter((page) => page !== viewer));
    if (viewer) {
      await lighthouseOf([{ ...viewer, name: `${viewer.name} in the first ${streamedSeconds} s` }], async (audited) => {
        live.start(50);
        // Stopped also where the run fails before that.
        await Promise.race([setTimeout(streamedSeconds * 1_000), audited.catch(() => undefined)]);
        await live.stop();
      });
    }
  } finally {
    await live.close();
    await context.close();
  }
  return rows.sort((one, other) => placeOf(one.group) - placeOf(other.group));
}

const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(2)} s`;

function pageRow(metric: string, cpu: Slowdown, figures: Figures, floor: string): BenchRow {
  const limit = limits[cpu];
  // What no pixel of a screen shows is no shift: the sum is judged to a ten-thousandth, as it is printed.
  const cls = Math.round(figures.cls * 10_000) / 10_000;
  const met =
    figures.fcpMs < limit.fcpMs && figures.lcpMs < limit.lcpMs && cls <= limit.cls && figures.inpMs < limit.inpMs;
  return judged(
    {
      group: groups[cpu],
      metric,
      floor,
      target: `FCP < ${seconds(limit.fcpMs)}, LCP < ${seconds(limit.lcpMs)}, CLS 0, INP < ${limit.inpMs} ms`,
      figure: `FCP ${seconds(figures.fcpMs)}, LCP ${seconds(figures.lcpMs)}, CLS ${cls}, INP ${Math.round(figures.inpMs)} ms`,
      note: `blocked for ${Math.round(figures.tbtMs)} ms, ${Math.round(figures.bytes / 1024)} KB`,
    },
    met,
  );
}

function viewerRows(cpu: Slowdown, figures: ViewerFigures): BenchRow[] {
  const suffix = cpu === 1 ? "" : ", CPU slowed 4 times";
  const row = (metric: string, target: string, figure: string, note: string, met: boolean) =>
    judged({ group: viewerGroup, metric: `${metric}${suffix}`, floor: null, target, figure, note }, met);
  const frames = (metric: string, of: FrameFigures) =>
    row(
      metric,
      cpu === 1 ? "60 frames/s: ≥ 95 % within 20 ms" : "≥ 80 % within 20 ms",
      `${(of.smoothShare * 100).toFixed(1)} %, ${of.framesPerSecond.toFixed(1)} frames/s`,
      `longest ${Math.round(of.worstMs)} ms; drawn by the CPU, without a graphics card`,
      of.smoothShare >= smoothShares[cpu],
    );
  return [
    frames("following", figures.following),
    frames("scrolling meanwhile", figures.scrolling),
    row(
      "follows, and lets go",
      "< 90 px behind while following (a message that comes that moment), 0 px moved after scrolling up",
      `${Math.round(figures.behindPx)} px behind, ${Math.round(figures.driftPx)} px moved`,
      "",
      figures.behindPx < 90 && figures.driftPx < 1,
    ),
  ];
}
