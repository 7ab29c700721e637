import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import { placeOf } from "./harness/groups.ts";
import type { BenchRow } from "./harness/row.ts";
import { triedLines } from "./tried.ts";

const root = new URL("../", import.meta.url);
const marks = { met: "✔", missed: "✘", "not measured": "–" } as const;

/** The rows as text, in groups. */
export function printTable(rows: readonly BenchRow[]): void {
  for (const group of new Set(rows.map((row) => row.group))) {
    console.log(`\n${group}`);
    for (const row of rows.filter((each) => each.group === group)) {
      const floor = row.floor === null ? "" : `  floor ${row.floor}`;
      console.log(
        `  ${marks[row.verdict]} ${row.metric}: ${row.figure}  (target ${row.target})${floor}${row.note === "" ? "" : `  [${row.note}]`}`,
      );
    }
  }
  const missed = rows.filter((row) => row.verdict === "missed").length;
  console.log(
    `\n${rows.filter((row) => row.verdict === "met").length} met, ${missed} missed, ${rows.filter((row) => row.verdict === "not measured").length} not measured`,
  );
}

/** docs/performance.json. */
export interface Report {
  at: string;
  commit: string;
  machine: string;
  mode: string;
  rows: MeasuredRow[];
}

/** Tables are measured apart, perhaps on different machines: each row says where it comes from. */
export interface MeasuredRow extends BenchRow {
  at: string;
  load: string;
  commit?: string;
  machine?: string;
}

function commit(): string {
  const { stdout, status } = spawnSync("git", ["rev-parse", "--short", "HEAD"], { cwd: root, encoding: "utf8" });
  return status === 0 ? stdout.trim() : "unknown";
}

/**
 * The rows of the report, in the order of `benchGroups`: those of groups that were not measured this time stay, with their
 * own date, unless no table makes such a group any more.
 */
export function merge(
  last: Report | null,
  rows: readonly BenchRow[],
  from: Required<Omit<MeasuredRow, keyof BenchRow>>,
): MeasuredRow[] {
  const groups = new Set(rows.map((row) => row.group));
  const before = (last?.rows ?? []).filter((row) => !groups.has(row.group) && placeOf(row.group) >= 0);
  return [
    ...before.map((row) => ({ commit: last?.commit ?? "unknown", machine: last?.machine ?? "unknown", ...row })),
    ...rows.map((row) => ({ ...row, ...from })),
  ].sort((one, other) => placeOf(one.group) - placeOf(other.group));
}

function lastReport(): Report | null {
  const file = new URL("docs/performance.json", root);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Report) : null;
}

/** The report as docs/performance.md has it; under each table stands what was tried for the rows that miss. */
export function markdown(report: Report): string {
  const cell = (text: string) => text.replaceAll("|", "\\|");
  const sections = [...new Set(report.rows.map((row) => row.group))].map((group) => {
    const rows = report.rows.filter((row) => row.group === group);
    const lines = rows.map(
      (row) =>
        `| ${cell(row.metric)} | ${cell(row.floor ?? "–")} | ${cell(row.target)} | ${cell(row.figure)} | ${marks[row.verdict]} | ${cell(row.note)} |`,
    );
    const tries = triedLines(rows);
    const date = rows[0]?.at.slice(0, 16).replace("T", " ");
    const { commit, machine, load } = rows[0] ?? {};
    return `## ${group}\n\nMeasured ${date} UTC at commit ${commit} on ${machine}; load average at the end ${load}.\n\n| metric | floor | target | figure | | load, CPU |\n|---|---|---|---|---|---|\n${lines.join("\n")}${tries.length === 0 ? "" : `\n\n${tries.join("\n")}`}`;
  });
  return `# Performance

Written by \`npx muster bench --write\` (last: ${report.mode}, commit ${report.commit}, ${report.at.slice(0, 10)}). ✔ met, ✘ missed, – not measured. Repeat: \`npx muster bench\` (three minutes), \`npx muster bench --full\`, \`npm run bench:load\` for the whole load profile.

A **floor** is the least that the parts allow, measured in the same run on the same machine: a bare Fastify that sends the same bytes, the bare
query, five plain \`fetch\` calls with the fewest inserts. Absolute times on a machine with neighbours are noise: look at the load average beside each table (the bench itself
needs about 2), at the machine (the targets were set where the pass-through floor of the gateway does 11,900 calls/s and that of executions 423/s)
and at the relation to the floor. Shares of a floor are judged by CPU per request. Nothing of
Muster is switched off: authentication, metrics, journal, budgets and logging are on, and PostgreSQL syncs to disk.

${sections.join("\n\n")}
`;
}

/** Writes docs/performance.json and docs/performance.md. */
export function writeReport(rows: readonly BenchRow[], options: { full: boolean; only: readonly string[] }): void {
  const at = new Date().toISOString();
  // The bench itself keeps about two processes busy; what is above that are neighbours.
  const load = loadavg()
    .map((value) => value.toFixed(1))
    .join(" ");
  const cpu = cpus()[0]?.model.trim() ?? "an unknown CPU";
  const machine = `${availableParallelism()} cores of ${cpu}, ${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.versions.node}`;
  const from = { at, commit: commit(), machine };
  const report: Report = {
    ...from,
    mode: options.full ? "full" : "quick",
    rows: merge(lastReport(), rows, { ...from, load }),
  };
  writeFileSync(new URL("docs/performance.json", root), `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(new URL("docs/performance.md", root), markdown(report));
}
