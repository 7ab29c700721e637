import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Scenario } from "./scenario.ts";

/** What all rounds of one scenario came to. */
export interface ScenarioReport {
  scenario: string;
  rounds: number;
  /** The first seed; the others follow it. */
  first: number;
  /** Of the size that `npm test` runs. */
  short: boolean;
  violations: { seed: number; violations: string[] }[];
  recoveriesMs: number[];
  counts: Record<string, number>;
  timesMs: Record<string, number[]>;
}

interface Figures extends Omit<ScenarioReport, "recoveriesMs" | "timesMs" | "violations"> {
  violations: { seed: number; first: string; count: number }[];
  recoveryMs: Spread | null;
  timesMs: Record<string, Spread>;
  date: string;
  /** Of the code that was tried. */
  commit: string;
}

interface Spread {
  count: number;
  p50: number;
  p99: number;
  max: number;
}

const figuresPath = new URL("../figures.json", import.meta.url);
const readmePath = new URL("../../../README.md", import.meta.url);
const documentPath = new URL("../../../docs/reliability.md", import.meta.url);

/** Puts the figures in the place of the scenario's former ones and writes docs/reliability.md anew. */
export function writeReport(reports: readonly ScenarioReport[], scenarios: readonly Scenario[]): void {
  const figures = readFigures();
  for (const report of reports) figures[report.scenario] = figuresOf(report);
  writeFileSync(figuresPath, `${JSON.stringify(figures, null, 2)}\n`);
  const report = renderReport(figures, scenarios);
  writeFileSync(documentPath, report);
  writeFileSync(readmePath, quoteIn(readFileSync(readmePath, "utf8"), report));
}

const quoteBegin = "<!-- reliability: the first lines of docs/reliability.md, written with it -->";
const quoteEnd = "<!-- /reliability -->";

/** README.md with the first paragraph of docs/reliability.md as a quotation between its two marks. */
export function quoteIn(readme: string, report: string): string {
  const [from, to] = [readme.indexOf(quoteBegin), readme.indexOf(quoteEnd)];
  if (from < 0 || to < from) throw new Error(`README.md has no ${quoteBegin} … ${quoteEnd}`);
  const first = report.split("\n\n")[1] ?? "";
  const quote = first
    .split("\n")
    .map((line) => `> ${line}`)
    .join("\n");
  return `${readme.slice(0, from + quoteBegin.length)}\n${quote}\n${readme.slice(to)}`;
}

/** The figures of the last long run, by scenario. */
export function readFigures(): Record<string, Figures> {
  return existsSync(figuresPath) ? (JSON.parse(readFileSync(figuresPath, "utf8")) as Record<string, Figures>) : {};
}

function figuresOf(report: ScenarioReport): Figures {
  const { recoveriesMs, timesMs, violations, ...rest } = report;
  return {
    ...rest,
    violations: violations.map((one) => ({
      seed: one.seed,
      first: (one.violations[0] ?? "").slice(0, 200),
      count: one.violations.length,
    })),
    recoveryMs: spreadOf(recoveriesMs),
    timesMs: Object.fromEntries(
      Object.entries(timesMs).flatMap(([name, times]) => {
        const spread = spreadOf(times);
        return spread ? [[name, spread]] : [];
      }),
    ),
    date: new Date().toISOString().slice(0, 10),
    commit: execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim(),
  };
}

function spreadOf(times: readonly number[]): Spread | null {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return sorted.length === 0 ? null : { count: sorted.length, p50: at(0.5), p99: at(0.99), max: sorted.at(-1) ?? 0 };
}

/** docs/reliability.md of these figures. */
export function renderReport(figures: Record<string, Figures>, scenarios: readonly Scenario[]): string {
  const known = scenarios.map((scenario) => ({ scenario, found: figures[scenario.name] }));
  const rounds = known.reduce((sum, { found }) => sum + (found?.rounds ?? 0), 0);
  const broken = known.reduce((sum, { found }) => sum + (found?.violations.length ?? 0), 0);
  const executions = known.reduce((sum, { found }) => sum + (found?.counts.executions ?? 0), 0);
  const table = known.map(({ scenario, found }) => rowOf(scenario, found));
  const failing = known.flatMap(({ scenario, found }) =>
    (found?.violations ?? []).map(
      (one) => `- \`npm run test:crash -- --scenario ${scenario.name} --seed ${one.seed}\`: ${one.first}`,
    ),
  );
  return `# Reliability

Kill any process at any moment: nothing shown is lost, no finished LLM call is paid again, no budget is exceeded.
**${rounds} rounds with ${executions} executions on real processes: ${broken} with violations.**

Written by \`npm run test:crash -- --seeds N --write\`; \`npm test\` runs each scenario in a short form. A round is a seed, and a
seed is replayed with \`npm run test:crash -- --scenario NAME --seed N\` (random choices are the same, the machine's timing is not).
How the promise is kept: [execution engine](architecture/execution-engine.md).

## What is checked after every round

Real processes of Muster on a real PostgreSQL, a provider with an append-only ledger of its own, clients that note every
acknowledgement and every event they were shown. Then, at rest:

- every acknowledged execution is there, once for each idempotency key, and at rest in an allowed status; none left a final status;
- its events are numbered 1, 2, 3 … without a gap, with one end, and every event a reader was shown is still there and equal;
- every finished call is one line of the provider's ledger, to the token and the nano-dollar; every further request was in
  flight at a disturbance and is booked (\`lost\`, \`cancelled\`, \`failed\`); no call is open, no step was finished twice;
- totals are the sum of the bills; no budget is exceeded, none holds a reservation; what budgets count is what was billed;
- no process ended that was not killed.

## Figures

| scenario | allowed | rounds | with violations | recovery p50 / max | seeds | more | commit |
|---|---|---|---|---|---|---|---|
${table.join("\n")}

Recovery: from the kill to the claim by another process; where one process is restarted, from its start to the next
request at the provider; where PostgreSQL restarts, from its return to the next commit. Times were measured on a machine with two cores shared
with other work.

${failing.length === 0 ? "No seed fails." : `Seeds that failed:\n\n${failing.join("\n")}`}

## Failure points

Each of accept, claim, take-over, begin, flush, finish, end, cancel and sweep is struck: the process killed before, during and after
it, the connection broken before it, its answer lost after it, the disk full. The points stand in no line of the product: they
are put round the database driver of the process under test (\`test/crash/lab/preload.ts\`).

## Not shown here

${notShown.map((line) => `- ${line}`).join("\n")}
`;
}

const notShown = [
  "A moved clock of the database's machine: `moved-clock` moves those of Muster's processes; leases compare the database's clock with itself.",
  "A really full disk below PostgreSQL: its refusal (53100) is injected at every transaction instead.",
  "A worker in another container or on another machine that dies is taken over after its lease (10 s); the rounds run on one machine, where neighbours see the process gone.",
];

function rowOf(scenario: Scenario, found: Figures | undefined): string {
  const title = `**${scenario.name}**: ${scenario.title}`;
  if (!found) return `| ${title} | ${scenario.allowed} | not run | | | | | |`;
  const { recoveryMs, timesMs, counts } = found;
  const recovery = recoveryMs ? `${recoveryMs.p50} / ${recoveryMs.max} ms (${recoveryMs.count})` : "–";
  const more = [
    ...Object.entries(counts).map(([name, count]) => `${words(name)} ${count}`),
    ...Object.entries(timesMs).map(
      ([name, { p50, p99, max }]) => `${words(name)} p50 ${p50}, p99 ${p99}, max ${max} ms`,
    ),
  ];
  const seeds = found.rounds === 1 ? `${found.first}` : `${found.first}–${found.first + found.rounds - 1}`;
  const size = found.short ? " (short form)" : "";
  return `| ${title} | ${scenario.allowed} | ${found.rounds}${size} | ${found.violations.length} | ${recovery} | ${seeds} | ${more.join("; ")} | ${found.commit} |`;
}

function words(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
