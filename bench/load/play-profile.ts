import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { LoadFigures, LoadPlan } from "./load-process.ts";
import type { Profile } from "./profile.ts";
import { type ServerFigures, serverFigures } from "./server-figures.ts";
import { judge, type RequestStatistics, type ThresholdResult } from "./summary.ts";

export interface LoadResult {
  profile: string;
  seconds: number;
  iterations: number;
  requests: number;
  statistics: { name: string; count: number; failed: number }[];
  thresholds: ThresholdResult[];
  problems: string[];
  server: ServerFigures | null;
  loadCpuMs: number;
  /** Of the load's own event loop: see `LoadFigures`. */
  loadLateP99Ms: number;
  loadIsFirst: boolean;
}

const script = fileURLToPath(new URL("./load-process.ts", import.meta.url));

function playPart(plan: LoadPlan): Promise<LoadFigures> {
  return new Promise((resolve, reject) => {
    const child = fork(script, [], { stdio: ["ignore", "inherit", "inherit", "ipc"], serialization: "advanced" });
    let figures: LoadFigures | undefined;
    child.once("message", (message) => {
      figures = message as LoadFigures;
    });
    child.once("error", reject);
    child.once("exit", (code) =>
      figures === undefined ? reject(new Error(`A load process ended with ${code}`)) : resolve(figures),
    );
    child.send(plan);
  });
}

function merge(parts: readonly LoadFigures[]): RequestStatistics[] {
  const byName = new Map<string, RequestStatistics>();
  for (const each of parts.flatMap((part) => part.statistics)) {
    const known = byName.get(each.name);
    if (known === undefined) byName.set(each.name, { ...each, durations: [...each.durations] });
    else {
      for (const duration of each.durations) known.durations.push(duration);
      known.failed += each.failed;
      known.late += each.late;
    }
  }
  return [...byName.values()];
}

async function scrape(origin: string): Promise<string | null> {
  try {
    const response = await fetch(`${origin}/metrics`);
    return response.ok ? await response.text() : null;
  } catch {
    // Behind a proxy that keeps /metrics inside: the load tool's own figures remain.
    return null;
  }
}

function compare(before: (string | null)[], after: (string | null)[]): ServerFigures | null {
  const known = (texts: (string | null)[]) => texts.filter((text) => text !== null);
  const [first, last] = [known(before), known(after)];
  return first.length < before.length || last.length < after.length ? null : serverFigures(first, last);
}

/** Plays a profile and returns what the clients and the server measured. */
export async function playProfile(options: {
  profile: Profile;
  /** Users' requests go to these in turn. */
  origins: string[];
  /** Processes whose `/metrics` are read before and after; the origins when absent. */
  scrapeUrls?: string[];
  apiKeys: string[];
  scale: number;
  processes: number;
  seed: number;
}): Promise<{ result: LoadResult; statistics: RequestStatistics[] }> {
  const { profile, origins, apiKeys, scale, seed, processes } = options;
  const scrapeUrls = options.scrapeUrls ?? origins;
  const before = await Promise.all(scrapeUrls.map(scrape));
  const started = performance.now();
  const parts = await Promise.all(
    Array.from({ length: processes }, (_, index) =>
      playPart({ profile, origins, apiKeys, scale, seed, processes, index }),
    ),
  );
  const seconds = (performance.now() - started) / 1000;
  const after = await Promise.all(scrapeUrls.map(scrape));
  const statistics = merge(parts);
  const result: LoadResult = {
    profile: profile.name,
    seconds,
    iterations: parts.reduce((sum, part) => sum + part.iterations, 0),
    requests: statistics.reduce((sum, each) => sum + each.durations.length, 0),
    statistics: statistics.map(({ name, durations, failed }) => ({ name, count: durations.length, failed })),
    thresholds: judge(profile.thresholds, statistics),
    problems: parts.flatMap((part) => part.problems),
    server: compare(before, after),
    loadCpuMs: parts.reduce((sum, part) => sum + part.cpuMs, 0),
    loadLateP99Ms: Math.max(...parts.map((part) => part.lateP99Ms)),
    loadIsFirst: parts.every((part) => part.isFirst),
  };
  return { result, statistics };
}
