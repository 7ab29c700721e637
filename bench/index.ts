// `npx muster bench` (and `node bench/index.ts`): measures the tables of docs/performance.md on this machine. Each figure stands
// beside its floor from the same run; nothing of the product is switched off.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { benchTables } from "#cli";
import type { BenchGroup } from "./harness/groups.ts";
import { startHttpLoad } from "./harness/http-load.ts";
import type { BenchRow } from "./harness/row.ts";
import { unmeasured } from "./harness/row.ts";
import { printTable, writeReport } from "./report.ts";
import { fullSize, smallSize } from "./support/seed-data.ts";
import { type BenchMuster, startBenchMuster } from "./support/start-bench-muster.ts";
import { startTopology, targetOf, topologyNames } from "./support/start-topology.ts";
import { apiTable } from "./tables/api.ts";
import { executionsTable } from "./tables/executions.ts";
import { growthTable } from "./tables/growth.ts";
import { overloadTable } from "./tables/overload.ts";
import { profileTable } from "./tables/profile.ts";
import { startTable } from "./tables/start.ts";

export const benchUsage = `Usage: muster bench [options]
  --full           every row with all runs and 1 M messages (about 90 minutes); the default one run of each (about 3 minutes), without overload, web and growth
  --only NAMES     some of: ${benchTables.join(", ")} (comma-separated)
  --write          writes docs/performance.md and docs/performance.json
  --json           prints the rows as JSON
Example: muster bench --only api,executions`;

export interface BenchOptions {
  full: boolean;
  only: readonly string[];
  log: (line: string) => void;
}

/** The LLM gateway's table is measured by a runner of its own. */
async function llmTable(options: BenchOptions): Promise<BenchRow[]> {
  const runner = new URL("./llm/run.ts", import.meta.url);
  if (!existsSync(runner)) return [unmeasured("LLM gateway", "all rows", "see targets", "no runner")];
  const { runLlmBench } = (await import(runner.href)) as {
    runLlmBench: (options: BenchOptions) => Promise<BenchRow[]>;
  };
  return runLlmBench(options);
}

/** Measures what is asked for; a table that fails is reported as not measured and does not stop the others. */
export async function runBench(options: BenchOptions): Promise<BenchRow[]> {
  const wanted = benchTables.filter((name) => options.only.length === 0 || options.only.includes(name));
  const rows: BenchRow[] = [];
  const measure = async (name: BenchGroup, work: () => Promise<BenchRow[]>) => {
    try {
      rows.push(...(await work()));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      options.log(`${name}: ${error instanceof Error ? (error.stack ?? why) : why}`);
      rows.push(unmeasured(name, "all rows", "–", why));
    }
  };
  const runs = options.full ? 5 : 1;
  // These take their time: in the quick bench only when they are asked for.
  const isWanted = (name: "overload" | "growth" | "web") =>
    wanted.includes(name) && (options.full || options.only.includes(name));
  if (wanted.includes("profile") || wanted.includes("api") || isWanted("overload")) {
    options.log("filling a database");
    const muster = await startBenchMuster({ seed: options.full ? fullSize : smallSize });
    const load = startHttpLoad();
    try {
      if (wanted.includes("api")) {
        const durationMs = options.full ? 4_000 : 1_000;
        await measure("API and data", () => apiTable({ muster, load, runs, durationMs, log: options.log }));
      }
      if (isWanted("overload")) await measure("Overload", () => overloadTable({ ...options, muster, load }));
      if (wanted.includes("profile")) await measure(profileGroup(options), () => profileOf(muster, options));
    } finally {
      load.close();
      await muster.stop();
    }
  }
  if (wanted.includes("profile") && options.full) {
    await measure(topologyNames.mixed.many, () => profileOfMany(options));
  }
  if (wanted.includes("executions")) await measure("Executions", () => executionsTable({ ...options, runs }));
  if (isWanted("growth")) {
    await measure("Cost as work grows", () => growthTable(options));
  }
  if (wanted.includes("llm")) await measure("LLM gateway", () => llmTable(options));
  if (isWanted("web")) {
    // Its browser and Lighthouse are development dependencies: loaded only where they are wanted.
    await measure("Pages", async () => (await import("./web/table.ts")).webTable(options));
  }
  if (wanted.includes("start")) await measure("Start and weight", () => startTable({ ...options, runs }));
  return rows;
}

const profileGroup = ({ full }: BenchOptions): BenchGroup =>
  full ? topologyNames.mixed.single : "Load profile, short";

function profileOf(muster: BenchMuster, options: BenchOptions): Promise<BenchRow[]> {
  const scale = options.full ? 1 : 0.0125;
  return profileTable({ target: targetOf(muster), group: profileGroup(options), scale, log: options.log });
}

async function profileOfMany({ log }: BenchOptions): Promise<BenchRow[]> {
  const target = await startTopology("many", fullSize);
  try {
    return await profileTable({ target, group: topologyNames.mixed.many, scale: 1, log });
  } finally {
    await target.stop();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      full: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      only: { type: "string", default: "" },
      write: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(benchUsage);
    return;
  }
  const only = values.only.split(",").filter(Boolean);
  const began = performance.now();
  const rows = await runBench({ full: values.full, only, log: (line) => console.error(`… ${line}`) });
  if (values.json) console.log(JSON.stringify(rows, null, 2));
  else printTable(rows);
  const seconds = Math.round((performance.now() - began) / 1000);
  console.error(`The bench took ${Math.floor(seconds / 60)} min ${seconds % 60} s`);
  if (values.write) writeReport(rows, { full: values.full, only });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
