/**
 * Lighthouse on the main pages as a phone sees them, with throttling applied by the browser itself (the simulated one
 * flips on a loopback, where everything is near). `npx muster bench --only web` runs it.
 */
import lighthouse from "lighthouse";
import { chromium } from "playwright-core";
import { chromiumFlags, findChromium } from "../../test/support/browser.ts";
import { freePort } from "../../test/support/free-port.ts";
import { type BenchRow, judged, median, unmeasured } from "../harness/row.ts";
import type { BenchPage } from "./seed-pages.ts";
import type { Session } from "./visit.ts";

const group = "Lighthouse, mobile, applied throttling";
const target = "performance, accessibility, best practices ≥ 95; FCP < 1.5 s, LCP < 2.5 s";
const leastScore = 95;
const defaultSlowdown = 4;
/** What Lighthouse clears by default. */
const lighthouseClears = ["file_systems", "shader_cache", "service_workers", "cache_storage"] as const;

/**
 * By how much to slow this machine's CPU to make a mid-tier phone of it: Lighthouse's default of 4 is meant for a fast desktop
 * (index 1,500–2,000), 2 for what is slower, 1 for what is as slow as such a phone (Lighthouse, docs/throttling.md,
 * "Calibrating the CPU slowdown").
 */
function calibratedSlowdown(benchmarkIndex: number): number {
  if (benchmarkIndex >= 1500) return defaultSlowdown;
  return benchmarkIndex >= 800 ? 2 : 1;
}

interface Scores {
  performance: number;
  accessibility: number;
  bestPractices: number;
  fcpMs: number;
  lcpMs: number;
  blockedMs: number;
  /** How fast Lighthouse found this machine to be: what a slowdown by four makes of it depends on that. */
  benchmarkIndex: number;
  /** Audits below their full score, by how much they weigh. */
  lost: string[];
}

export interface LighthouseOptions {
  url: string;
  session: Session;
  pages: readonly BenchPage[];
  runs: number;
  log: (line: string) => void;
  /** What happens in each run while the page loads. */
  meanwhile?: ((audited: Promise<unknown>) => Promise<void>) | undefined;
}

/**
 * One row for each page: the median of its runs. Where one misses on a machine that Lighthouse's default is too hard for, a
 * second row tells what it is at the slowdown that Lighthouse recommends for it; the first one stands.
 */
export async function lighthouseRows(options: LighthouseOptions): Promise<BenchRow[]> {
  const port = await freePort();
  const browser = await chromium.launch({
    executablePath: findChromium(),
    args: [...chromiumFlags, `--remote-debugging-port=${port}`],
  });
  const cookie = options.session.cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
  const rows: BenchRow[] = [];
  try {
    const measure = async (page: BenchPage, name: string, slowdown: number) => {
      const taken: Scores[] = [];
      const failures: string[] = [];
      // On a busy machine the browser sometimes misses the beginning of its own trace: that run is made again, once.
      for (let tries = options.runs + 1; tries > 0 && taken.length < options.runs; tries--) {
        try {
          const audited = audit(options.url + page.path, { port, cookie, slowdown });
          const [scores] = await Promise.all([audited, options.meanwhile?.(audited)]);
          taken.push(scores);
        } catch (error) {
          failures.push(error instanceof Error ? error.message : String(error));
        }
      }
      for (const failure of failures) options.log(failure);
      const row =
        taken.length < options.runs ? unmeasured(group, name, target, failures.join("; ")) : rowOf(name, taken);
      options.log(`Lighthouse: ${name}: ${row.figure} ${row.note}`);
      rows.push(row);
      return row.verdict === "missed" ? calibratedSlowdown(median(taken.map((one) => one.benchmarkIndex))) : slowdown;
    };
    for (const page of options.pages) {
      const recommended = await measure(page, page.name, defaultSlowdown);
      if (recommended === defaultSlowdown) continue;
      await measure(page, `${page.name}, CPU slowed ${recommended} × instead of ${defaultSlowdown}`, recommended);
    }
  } finally {
    await browser.close();
  }
  return rows;
}

async function audit(
  url: string,
  { port, cookie, slowdown }: { port: number; cookie: string; slowdown: number },
): Promise<Scores> {
  const result = await lighthouse(url, {
    port,
    logLevel: "silent",
    output: "json",
    formFactor: "mobile",
    throttlingMethod: "devtools",
    throttling: { cpuSlowdownMultiplier: slowdown },
    onlyCategories: ["performance", "accessibility", "best-practices"],
    extraHeaders: { cookie },
    // A first visit: Lighthouse empties the cache, and of itself leaves what the page has noted of it (that fonts are in it).
    clearStorageTypes: [...lighthouseClears, "local_storage"],
  });
  if (!result || result.lhr.runtimeError) {
    throw new Error(`Lighthouse could not load ${url}: ${result?.lhr.runtimeError?.message ?? "no result"}`);
  }
  const { categories, audits, environment, configSettings } = result.lhr;
  const { cpuSlowdownMultiplier, requestLatencyMs } = configSettings.throttling;
  if (cpuSlowdownMultiplier !== slowdown || requestLatencyMs === 0) {
    throw new Error(`Lighthouse slowed the CPU ${cpuSlowdownMultiplier} times and a request by ${requestLatencyMs} ms`);
  }
  const score = (name: string) => {
    const value = categories[name]?.score;
    if (typeof value === "number") return Math.round(value * 100);
    const reasons = Object.values(audits).map(({ errorMessage }) => errorMessage ?? "");
    throw new Error(`Lighthouse gave no score for ${name}: ${[...new Set(reasons)].filter(Boolean).join("; ")}`);
  };
  const lost = Object.values(categories)
    .flatMap(({ auditRefs }) => auditRefs)
    .filter(({ id, weight }) => weight > 0 && (audits[id]?.score ?? 1) < 0.9)
    .map(({ id }) => id);
  return {
    performance: score("performance"),
    accessibility: score("accessibility"),
    bestPractices: score("best-practices"),
    fcpMs: audits["first-contentful-paint"]?.numericValue ?? Number.NaN,
    lcpMs: audits["largest-contentful-paint"]?.numericValue ?? Number.NaN,
    blockedMs: audits["total-blocking-time"]?.numericValue ?? Number.NaN,
    benchmarkIndex: environment.benchmarkIndex,
    lost: [...new Set(lost)],
  };
}

function rowOf(name: string, taken: readonly Scores[]): BenchRow {
  if (taken.length === 0) return unmeasured(group, name, target, "no run");
  const of = (pick: (scores: Scores) => number) => median(taken.map(pick));
  const performance = of((scores) => scores.performance);
  const accessibility = of((scores) => scores.accessibility);
  const bestPractices = of((scores) => scores.bestPractices);
  const fcpMs = of((scores) => scores.fcpMs);
  const lcpMs = of((scores) => scores.lcpMs);
  const met = Math.min(performance, accessibility, bestPractices) >= leastScore && fcpMs < 1500 && lcpMs < 2500;
  const figure = `${performance}, ${accessibility}, ${bestPractices}; FCP ${(fcpMs / 1000).toFixed(2)} s, LCP ${(lcpMs / 1000).toFixed(2)} s`;
  const blocked = `blocked for ${Math.round(of((scores) => scores.blockedMs))} ms, benchmark index of the machine ${Math.round(of((scores) => scores.benchmarkIndex))}`;
  const lost = [...new Set(taken.flatMap((scores) => scores.lost))].join(", ");
  return judged(
    { group, metric: name, floor: null, target, figure, note: lost === "" ? blocked : `${blocked}; below 90: ${lost}` },
    met,
  );
}
