// `npm run bench:load`: plays a profile of bench/load/profiles against a running Muster and prints the thresholds with pass or
// fail; exit code 1 when one fails. Without --url it starts a Muster of its own on made-up data.
import { fork } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { fullSize, smallSize } from "../support/seed-data.ts";
import { startBenchMuster } from "../support/start-bench-muster.ts";
import type { LoadFigures, LoadPlan } from "./load-process.ts";
import { durationMs, type Profile, readProfile } from "./profile.ts";
import { type ServerFigures, serverFigures } from "./server-figures.ts";
import { judge, type RequestStatistics, requestTable, type ThresholdResult } from "./summary.ts";

const usage = `Usage: npm run bench:load -- [options]
  --profile NAME   seed or mixed (default)
  --url URL        a running Muster; without it one is started on data of its own
  --key KEY        API key for --url (default: MUSTER_API_KEY); several: --keys FILE, one a line
  --scale N        multiplies the stages' durations: 0.02 plays the 16 minutes in 19 s (default 1)
  --users N        multiplies the stages' users (default 1)
  --data small|full  size of the made-up data (default full: 1,000 users, 1 M messages)
  --processes N    processes that make the load (default: half of the cores)
  --seed N         of the users' choices (default 1)
  --json FILE      writes the figures there too
Example: npm run bench:load -- --profile mixed --scale 0.05 --data small`;

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

/** Plays a profile and returns what the clients and the server measured. */
export async function playProfile(options: {
  profile: Profile;
  origin: string;
  apiKeys: string[];
  scale: number;
  processes: number;
  seed: number;
}): Promise<{ result: LoadResult; statistics: RequestStatistics[] }> {
  const { profile, origin } = options;
  const before = await scrape(origin);
  const started = performance.now();
  const parts = await Promise.all(
    Array.from({ length: options.processes }, (_, index) => playPart({ ...options, index })),
  );
  const seconds = (performance.now() - started) / 1000;
  const after = await scrape(origin);
  const statistics = merge(parts);
  const result: LoadResult = {
    profile: profile.name,
    seconds,
    iterations: parts.reduce((sum, part) => sum + part.iterations, 0),
    requests: statistics.reduce((sum, each) => sum + each.durations.length, 0),
    statistics: statistics.map(({ name, durations, failed }) => ({ name, count: durations.length, failed })),
    thresholds: judge(profile.thresholds, statistics),
    problems: parts.flatMap((part) => part.problems),
    server: before === null || after === null ? null : serverFigures(before, after),
    loadCpuMs: parts.reduce((sum, part) => sum + part.cpuMs, 0),
  };
  return { result, statistics };
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      profile: { type: "string", default: "mixed" },
      url: { type: "string" },
      key: { type: "string" },
      keys: { type: "string" },
      scale: { type: "string", default: "1" },
      users: { type: "string", default: "1" },
      data: { type: "string", default: "full" },
      processes: { type: "string", default: String(Math.max(1, Math.floor(availableParallelism() / 2))) },
      seed: { type: "string", default: "1" },
      json: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  return values;
}

function shown(figure: number | null, unit: string): string {
  return figure === null ? "–" : `${figure.toFixed(2)} ${unit}`.trim();
}

function print(result: LoadResult, statistics: readonly RequestStatistics[]): void {
  console.log(`\n${requestTable(statistics, result.seconds)}\n`);
  if (result.server !== null) {
    const { server } = result;
    console.log(
      `by Muster's own /metrics: p95 ${shown(server.p95Ms, "ms")}, p99 ${shown(server.p99Ms, "ms")}, ${server.errors} errors, ` +
        `${server.queries} queries of ${shown(server.queryAverageMs, "ms")}, connection wait p99 ${shown(server.poolWaitP99Ms, "ms")}, ` +
        `cache ratio ${shown(server.cacheRatio === null ? null : server.cacheRatio * 100, "%")}`,
    );
  }
  for (const problem of new Set(result.problems.slice(0, 5))) console.log(`problem: ${problem}`);
  for (const { metric, condition, figure, passed } of result.thresholds) {
    console.log(`${passed ? "PASS" : "FAIL"}  ${metric} ${condition}  (${figure.toFixed(4)})`);
  }
}

async function main(): Promise<void> {
  const options = readOptions();
  if (options.help) {
    console.log(usage);
    return;
  }
  const profile = readProfile(options.profile);
  const users = Number(options.users);
  profile.stages = profile.stages.map((stage) => ({ ...stage, target: Math.round(stage.target * users) }));
  const scale = Number(options.scale);
  let apiKeys = [options.key ?? process.env.MUSTER_API_KEY ?? ""].filter(Boolean);
  if (options.keys !== undefined && existsSync(options.keys)) {
    apiKeys = readFileSync(options.keys, "utf8").split("\n").filter(Boolean);
  }
  const own =
    options.url === undefined
      ? await startBenchMuster({ seed: options.data === "small" ? smallSize : fullSize })
      : null;
  try {
    const origin = options.url ?? own?.url ?? "";
    if (own !== null) apiKeys = own.seeded?.apiKeys ?? [];
    if (apiKeys.length === 0) throw new Error("--url needs --key, --keys or MUSTER_API_KEY");
    const length = profile.stages.reduce((sum, stage) => sum + durationMs(stage.duration), 0) * scale;
    console.log(`${profile.name}: ${profile.description}; ${(length / 1000).toFixed(0)} s against ${origin}`);
    const { result, statistics } = await playProfile({
      profile,
      origin,
      apiKeys,
      scale,
      processes: Number(options.processes),
      seed: Number(options.seed),
    });
    print(result, statistics);
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`);
    if (result.thresholds.some((threshold) => !threshold.passed)) process.exitCode = 1;
  } finally {
    await own?.stop();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
