// `npm run bench:load`: plays a profile of bench/load/profiles against a running Muster and prints the thresholds with pass or
// fail; exit code 1 when one fails. Without --url it starts a Muster of its own on made-up data.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { RowGroup } from "../harness/groups.ts";
import type { BenchRow } from "../harness/row.ts";
import { printTable, writeReport } from "../report.ts";
import { fullSize, smallSize } from "../support/seed-data.ts";
import { type LoadTarget, startTopology, type Topology, topologies, topologyNames } from "../support/start-topology.ts";
import { profileRows, usageSince } from "../tables/profile.ts";
import { type LoadResult, playProfile } from "./play-profile.ts";
import { durationMs, type Profile, readProfile } from "./profile.ts";
import { type RequestStatistics, requestTable } from "./summary.ts";

const usage = `Usage: npm run bench:load -- [options]
  --profile NAME   seed or mixed (default)
  --topology NAME  what is started, on data of its own: single (one process with the embedded database, default), many (two APIs
                   and two workers with PostgreSQL and Redis) or both, one after the other
  --url URL        a running Muster instead; several with commas between them
  --key KEY        API key for --url (default: MUSTER_API_KEY); several: --keys FILE, one a line
  --scale N        multiplies the stages' durations: 0.02 plays the 16 minutes in 19 s (default 1)
  --users N        multiplies the stages' users (default 1)
  --data small|full  size of the made-up data (default full: 1,000 users, 1 M messages)
  --processes N    processes that make the load (default: half of the cores)
  --seed N         of the users' choices (default 1)
  --json FILE      writes the figures there too
  --write          writes the rows of each topology to docs/performance.md
Examples: npm run bench:load -- --topology both --write
          npm run bench:load -- --profile mixed --scale 0.05 --data small`;

function readOptions() {
  const { values } = parseArgs({
    options: {
      profile: { type: "string", default: "mixed" },
      topology: { type: "string", default: "single" },
      write: { type: "boolean", default: false },
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

const profileNames = ["mixed", "seed"] as const;
type Options = ReturnType<typeof readOptions>;

/** Plays the profile against one target and prints what it found; false when a threshold failed. */
async function playOn(options: Options, profile: Profile, target: LoadTarget, group: RowGroup) {
  if (target.apiKeys.length === 0) throw new Error("--url needs --key, --keys or MUSTER_API_KEY");
  const scale = Number(options.scale);
  const length = profile.stages.reduce((sum, stage) => sum + durationMs(stage.duration), 0) * scale;
  console.log(
    `${profile.name}: ${profile.description}; ${(length / 1000).toFixed(0)} s against ${target.origins.join(", ")}`,
  );
  const usage = await usageSince(target);
  const { result, statistics } = await playProfile({
    ...target,
    profile,
    scale,
    processes: Number(options.processes),
    seed: Number(options.seed),
  });
  const used = await usage();
  print(result, statistics);
  const rows = profileRows({ group, result, statistics, used });
  printTable(rows);
  return { group, result, rows, passed: result.thresholds.every((threshold) => threshold.passed) };
}

function chosenTopologies(name: string): readonly Topology[] {
  if (name === "both") return topologies;
  const found = topologies.find((one) => one === name);
  if (found === undefined) throw new Error(`--topology is single, many or both, not ${name}`);
  return [found];
}

function keysOf(options: Options): string[] {
  if (options.keys !== undefined && existsSync(options.keys)) {
    return readFileSync(options.keys, "utf8").split("\n").filter(Boolean);
  }
  return [options.key ?? process.env.MUSTER_API_KEY ?? ""].filter(Boolean);
}

async function main(): Promise<void> {
  const options = readOptions();
  if (options.help) {
    console.log(usage);
    return;
  }
  const profileName = profileNames.find((name) => name === options.profile);
  if (profileName === undefined) throw new Error(`--profile is seed or mixed, not ${options.profile}`);
  // What is written stands beside targets for the whole load.
  if (options.write && (options.url !== undefined || options.data !== "full" || options.users !== "1"))
    throw new Error(
      "--write is for a Muster of its own with the full data and all users: leave out --url, --data, --users",
    );
  const profile = readProfile(profileName);
  const users = Number(options.users);
  profile.stages = profile.stages.map((stage) => ({ ...stage, target: Math.round(stage.target * users) }));
  const played: Awaited<ReturnType<typeof playOn>>[] = [];
  if (options.url !== undefined) {
    const origins = options.url.split(",");
    const elsewhere = { cost: null, databaseActiveMs: null };
    const target = { origins, scrapeUrls: origins, apiKeys: keysOf(options), ...elsewhere };
    played.push(await playOn(options, profile, target, `Load profile at ${origins.join(", ")}`));
  } else {
    for (const topology of chosenTopologies(options.topology)) {
      const target = await startTopology(topology, options.data === "small" ? smallSize : fullSize);
      try {
        played.push(await playOn(options, profile, target, topologyNames[profileName][topology]));
      } finally {
        await target.stop();
      }
    }
  }
  if (options.json !== undefined) {
    writeFileSync(
      options.json,
      `${JSON.stringify(
        played.map(({ result }) => result),
        null,
        2,
      )}\n`,
    );
  }
  const rows: BenchRow[] = played.flatMap((one) => one.rows);
  if (options.write) writeReport(rows, { full: options.scale === "1", only: ["load"] });
  console.log("\nThresholds");
  for (const { group, result } of played) {
    const failed = result.thresholds.filter(({ passed }) => !passed);
    const which = failed.map(({ metric, condition }) => `${metric} ${condition}`).join(", ");
    console.log(`${failed.length === 0 ? "PASS" : "FAIL"}  ${group}${which === "" ? "" : `: ${which}`}`);
  }
  if (played.some(({ passed }) => !passed)) process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
