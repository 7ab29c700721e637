// `npm run test:crash`: the long form. See docs/reliability.md, which it writes with --write.
import { parseArgs } from "node:util";
import { startSharedPostgres } from "../support/database.ts";
import { killAllMusters } from "./lab/muster-process.ts";
import { type ScenarioReport, writeReport } from "./lab/report.ts";
import type { Scenario } from "./lab/scenario.ts";
import { scenarios } from "./scenarios/index.ts";

const byName = scenarios.filter((one) => one.onlyByName).map((one) => one.name);

const usage = `npm run test:crash -- [--scenario NAME] [--seeds N | --seed N] [--first N] [--short] [--write]

  --scenario NAME  only this one (${scenarios.map((one) => one.name).join(", ")});
                   ${byName.join(" and ")} run only when named
  --seeds N        N rounds of each (expensive ones fewer), with the seeds from --first on; default 10
  --seed N         replays one seed
  --first N        the first seed; default 1
  --short          rounds of the size that npm test runs
  --write          adds the figures to docs/reliability.md`;

const { values } = parseArgs({
  options: {
    scenario: { type: "string" },
    seeds: { type: "string", default: "10" },
    seed: { type: "string" },
    first: { type: "string", default: "1" },
    short: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

async function runScenario(scenario: Scenario): Promise<ScenarioReport> {
  const rounds = values.seed === undefined ? Math.max(1, Math.round(Number(values.seeds) * scenario.weight)) : 1;
  const first = Number(values.seed ?? values.first);
  const report: ScenarioReport = {
    scenario: scenario.name,
    rounds: 0,
    first,
    short: values.short,
    violations: [],
    recoveriesMs: [],
    counts: {},
    timesMs: {},
  };
  for (let seed = first; seed < first + rounds; seed += 1) {
    const started = Date.now();
    const result = await scenario.round(seed, values.short ? "short" : "long");
    report.rounds += 1;
    report.recoveriesMs.push(...result.recoveriesMs);
    for (const [name, count] of Object.entries(result.counts)) report.counts[name] = (report.counts[name] ?? 0) + count;
    for (const [name, times] of Object.entries(result.timesMs))
      report.timesMs[name] = [...(report.timesMs[name] ?? []), ...times];
    const mark = result.violations.length === 0 ? "✔" : "✖";
    console.log(`${mark} ${scenario.name} seed ${seed}  ${Date.now() - started} ms  ${JSON.stringify(result.counts)}`);
    if (result.violations.length > 0) report.violations.push({ seed, violations: result.violations });
    // After each round, so that a run that is broken off leaves its figures.
    if (values.write) writeReport([report], scenarios);
    if (result.violations.length === 0) continue;
    for (const violation of result.violations) console.log(`    ${violation.replaceAll("\n", "\n      ")}`);
    console.log(
      `    replay: npm run test:crash -- --scenario ${scenario.name} --seed ${seed}${values.short ? " --short" : ""}`,
    );
  }
  return report;
}

if (values.help) {
  console.log(usage);
} else {
  const chosen = scenarios.filter((one) =>
    values.scenario === undefined ? !one.onlyByName : one.name === values.scenario,
  );
  if (chosen.length === 0) throw new Error(`There is no scenario ${values.scenario}.\n${usage}`);
  const postgres = await startSharedPostgres();
  process.env.TEST_DATABASE_URL = postgres.url;
  // The server and the processes under test would outlive an interrupted run.
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      killAllMusters();
      void postgres.stop().finally(() => process.exit(1));
    });
  }
  try {
    const reports: ScenarioReport[] = [];
    for (const scenario of chosen) reports.push(await runScenario(scenario));
    const broken = reports.reduce((sum, one) => sum + one.violations.length, 0);
    console.log(`${reports.reduce((sum, one) => sum + one.rounds, 0)} rounds, ${broken} with violations`);
    process.exitCode = broken === 0 ? 0 : 1;
  } finally {
    await postgres.stop();
  }
}
