import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { budgetKilobytes, measureRoutes, overBudget } from "../../web/scripts/size-budget.ts";
import { type BenchRow, judged, median, round, unmeasured } from "../harness/row.ts";
import { benchFolder } from "../support/bench-folder.ts";
import { nodeFlags } from "../support/node-flags.ts";
import { cpuOfFamily, memoryOfFamily } from "../support/process-cost.ts";

const group = "Start and weight";
const root = fileURLToPath(new URL("../../", import.meta.url));

interface Started {
  child: ChildProcess;
  readyMs: number;
  url: string;
}

/** Starts the product as a user does and waits until it says that it is ready. */
async function start(dataDir: string): Promise<Started> {
  const began = performance.now();
  const child = spawn(process.execPath, [...nodeFlags, "bin/muster.js", "up"], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, PORT: "0", MUSTER_DATA_DIR: dataDir },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout?.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      const found = /https?:\/\/[\w.[\]:]+:\d+/.exec(output)?.[0];
      if (found !== undefined) resolve(found);
    });
    child.once("exit", (code) => reject(new Error(`muster up ended with ${code}: ${output.slice(0, 300)}`)));
  });
  for (;;) {
    const ready = await fetch(`${url}/health/ready`)
      .then((response) => response.ok)
      .catch(() => false);
    if (ready) break;
    await sleep(10);
  }
  return { child, readyMs: performance.now() - began, url };
}

async function stop({ child }: Started): Promise<void> {
  child.kill("SIGTERM");
  await once(child, "exit");
}

/** The postmaster of a data folder; it may be an earlier Muster's, so it is found by its file. */
function postmasterOf(dataDir: string): number | null {
  const found = readdirSync(dataDir, { recursive: true, encoding: "utf8" }).find((name) =>
    name.endsWith("postmaster.pid"),
  );
  if (found === undefined) return null;
  return Number(readFileSync(join(dataDir, found), "utf8").split("\n")[0]);
}

async function startRows(runs: number, idleMs: number): Promise<BenchRow[]> {
  const cold: number[] = [];
  const warm: number[] = [];
  let memory = Number.NaN;
  let cpu = Number.NaN;
  for (let run = 0; run < runs; run++) {
    const dataDir = benchFolder("start");
    try {
      const first = await start(dataDir);
      cold.push(first.readyMs);
      await stop(first);
      const second = await start(dataDir);
      warm.push(second.readyMs);
      if (run === 0) {
        const pids = [second.child.pid ?? 0, postmasterOf(dataDir) ?? 0].filter((pid) => pid > 0);
        await sleep(3_000);
        const total = (of: (pid: number) => number) => pids.reduce((sum, pid) => sum + of(pid), 0);
        const before = total(cpuOfFamily);
        await sleep(idleMs);
        cpu = ((total(cpuOfFamily) - before) / idleMs) * 100;
        memory = total(memoryOfFamily) / 2 ** 20;
      }
      await stop(second);
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  }
  const row = (metric: string, target: string, figure: string, met: boolean, note = "") =>
    judged({ group, metric, floor: null, target, figure, note }, met);
  return [
    row(
      "ready, warm",
      "≤ 2 s",
      `${round(median(warm) / 1000)} s`,
      median(warm) <= 2_000,
      "`muster up` until /health/ready",
    ),
    row(
      "ready, first run",
      "≤ 5 s",
      `${round(median(cold) / 1000)} s`,
      median(cold) <= 5_000,
      "database created and migrated",
    ),
    row(
      "idle memory",
      "≤ 250 MB",
      `${round(memory)} MB`,
      memory <= 250,
      "all processes, PostgreSQL too; shared pages once (PSS)",
    ),
    row("idle CPU", "≤ 1 %", `${round(cpu)} %`, cpu <= 1, `of one core, over ${idleMs / 1000} s`),
  ];
}

async function weightRows(): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  const out = join(root, "web/out");
  if (existsSync(out)) {
    const routes = (await measureRoutes(out)).sort((a, b) => b.brotliKilobytes - a.brotliKilobytes);
    const largest = routes[0];
    if (largest !== undefined) {
      const metric = "first-load JavaScript, largest route";
      const figure = `${round(largest.brotliKilobytes)} KB`;
      const note = `${largest.route}, of ${routes.length} pages`;
      const target = `≤ ${budgetKilobytes} KB Brotli`;
      rows.push(judged({ group, metric, floor: null, target, figure, note }, overBudget(routes).length === 0));
    }
  } else rows.push(unmeasured(group, "first-load JavaScript, largest route", "≤ 150 KB Brotli", "the UI is not built"));
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    packages: Record<string, { dev?: boolean; optional?: boolean }>;
  };
  const packages = Object.entries(lock.packages).filter(([name]) => name !== "");
  const runtime = packages.filter(([, entry]) => entry.dev !== true).length;
  const size = spawnSync("du", ["-sk", join(root, "node_modules")], { encoding: "utf8" });
  const megabytes = Number(size.stdout.split("\t")[0]) / 1024;
  rows.push({
    group,
    metric: "installed size, packages",
    floor: null,
    target: "shrinks",
    figure: `${round(megabytes)} MB, ${runtime} packages at run time`,
    verdict: "not measured",
    note: `${packages.length} in the lock file with those of development and other platforms; Node and PostgreSQL included`,
  });
  return rows;
}

/** The table "Start and weight". */
export async function startTable(options: {
  full: boolean;
  runs: number;
  log: (line: string) => void;
}): Promise<BenchRow[]> {
  options.log("Start: first and warm");
  const started = existsSync(join(root, "src/cli/main.ts"))
    ? await startRows(options.runs, options.full ? 30_000 : 5_000)
    : [unmeasured(group, "ready, warm", "≤ 2 s", "the command line is not there")];
  return [...started, ...(await weightRows())];
}
