import { Command } from "commander";
import { ConfigError, loadConfig, readCommandEnvironment } from "#config";
import type { Finding } from "../doctor/finding.ts";
import { exitCodes } from "../exit.ts";
import { plural } from "../format.ts";
import type { CommandContext } from "../program.ts";
import { type Terminal, terminalOf } from "../terminal.ts";

const examples = `
Examples:
  $ muster doctor
  $ muster doctor --json | jq '.findings[] | select(.level != "ok")'
  $ DATABASE_URL=postgres://… muster doctor        before you move to a PostgreSQL of your own

It asks the providers for their lists of models, which costs nothing, and prints no key. It changes nothing; the embedded
PostgreSQL is started for the look when it does not run.

Exit code: 0 nothing is broken (warnings may stand) · 1 something is broken`;

/** `muster doctor`. */
export function doctorCommand(context: CommandContext): Command {
  return new Command("doctor")
    .description("what is configured, reachable, unsafe or too small, with the fix")
    .option("--json", "one JSON object")
    .addHelpText("after", examples)
    .action(async (options: { json?: boolean }) => {
      const findings = await examine(context);
      const broken = findings.some((finding) => finding.level === "problem");
      if (options.json === true) process.stdout.write(`${JSON.stringify({ ok: !broken, findings }, null, 2)}\n`);
      else print(findings, terminalOf(process.stdout, { dumb: readCommandEnvironment().dumbTerminal }));
      context.exitCode = broken ? exitCodes.failed : exitCodes.done;
    });
}

async function examine(context: CommandContext): Promise<Finding[]> {
  try {
    const config = loadConfig();
    context.config = config;
    const [{ checkData, checkMachine, checkNetwork }, { checkDatabase }, { checkModels }, { checkRedis }] =
      await Promise.all([
        import("../doctor/check-machine.ts"),
        import("../doctor/check-database.ts"),
        import("../doctor/check-models.ts"),
        import("../doctor/check-redis.ts"),
      ]);
    const [data, database, models, redis] = await Promise.all([
      checkData(config),
      checkDatabase(config),
      checkModels(config),
      checkRedis(config),
    ]);
    return [checkMachine(config), data, checkNetwork(config), database, models, redis].flat();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const fix = "correct it in the environment or in .env; .env.example has every variable";
    return error.problems.map((what) => ({ level: "problem", area: "machine", what, fix }));
  }
}

const marks = { ok: "ok", info: "info", warning: "WARNING", problem: "PROBLEM" } as const;
const colours = { ok: "green", info: "cyan", warning: "yellow", problem: "red" } as const;

function print(findings: readonly Finding[], terminal: Terminal): void {
  const width = Math.max(...Object.values(marks).map((mark) => mark.length));
  for (const { level, area, what, fix } of findings) {
    terminal.write(`${terminal.style(colours[level], marks[level].padEnd(width))}  ${area.padEnd(8)}  ${what}\n`);
    if (fix !== undefined) terminal.write(`${" ".repeat(width + 2)}${" ".repeat(10)}fix: ${fix}\n`);
  }
  const count = (level: Finding["level"]) => findings.filter((finding) => finding.level === level).length;
  terminal.write(`\n${plural(count("problem"), "problem")}, ${plural(count("warning"), "warning")}\n`);
}
