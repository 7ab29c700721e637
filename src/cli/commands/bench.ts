import { existsSync } from "node:fs";
import { Command } from "commander";
import { CommandError, exitCodes } from "../exit.ts";
import type { CommandContext } from "../program.ts";
import { benchTables } from "./bench-tables.ts";

const examples = `
Examples:
  $ muster bench                          about three minutes
  $ muster bench --only api,executions    some of the tables
  $ muster bench --full --write           every row with all runs, into docs/performance.md (about 50 minutes)

It measures on databases of its own and leaves yours alone. Close other programs first: every figure stands beside its
floor from the same run, but a busy machine blurs both.`;

interface BenchOptions {
  full?: boolean;
  only?: string;
  write?: boolean;
  json?: boolean;
}

/** What bench/index.ts and bench/report.ts offer to this command; a server may be installed without them. */
interface BenchModules {
  runBench(options: {
    full: boolean;
    only: readonly string[];
    log: (line: string) => void;
  }): Promise<readonly object[]>;
  printTable(rows: readonly object[]): void;
  writeReport(rows: readonly object[], options: { full: boolean; only: readonly string[] }): void;
}

async function loadBench(): Promise<BenchModules> {
  const [index, report] = ["index.ts", "report.ts"].map((name) => new URL(`../../../bench/${name}`, import.meta.url));
  if (!index || !report || !existsSync(index)) {
    throw new CommandError("this installation has no bench/ folder: run it in a checkout of the repository");
  }
  return { ...(await import(index.href)), ...(await import(report.href)) } as BenchModules;
}

/** `muster bench`: the measured performance table. */
export function benchCommand(context: CommandContext): Command {
  return new Command("bench")
    .description("measure the performance table on this machine")
    .option("--full", "every row with all runs and a million messages")
    .option("--only <names>", `some of: ${benchTables.join(", ")} (comma-separated)`)
    .option("--write", "write docs/performance.md and docs/performance.json")
    .option("--json", "print the rows as JSON")
    .addHelpText("after", examples)
    .action(async (typed: BenchOptions) => {
      const only = (typed.only ?? "").split(",").filter((name) => name !== "");
      const unknown = only.find((name) => !benchTables.some((table) => table === name));
      if (unknown !== undefined) {
        throw new CommandError(
          `there is no table "${unknown}"; choose from ${benchTables.join(", ")}`,
          exitCodes.usage,
        );
      }
      const bench = await loadBench();
      const options = { full: typed.full === true, only };
      const rows = await bench.runBench({ ...options, log: (line) => process.stderr.write(`${line}\n`) });
      if (typed.json === true) process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
      else bench.printTable(rows);
      if (typed.write === true) bench.writeReport(rows, options);
      context.exitCode = exitCodes.done;
    });
}
