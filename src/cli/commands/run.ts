import { Command } from "commander";
import { loadConfig, readCommandEnvironment } from "#config";
import { usageError } from "../exit.ts";
import type { CommandContext } from "../program.ts";
import { readFiles } from "../run/read-files.ts";
import type { RunOptions } from "../run/run-execution.ts";
import { parseBudget, parseExecutionId } from "../typed.ts";

const examples = `
Examples:
  $ muster run "Find the claims in this document that cannot hold in production" --file plan.md
  $ muster run "Review these two files" --squad code-review --file a.ts --file b.ts
  $ muster run "Summarise the release" --model gpt-5-mini --budget 0.50
  $ muster run "Compare the two" --file a.md --file b.md --json | jq -c 'select(.type == "step-end")'
  $ muster run --resume 0193c9a4-7f52-7c1e-9d0a-5b2f3c4d5e6f

Templates of squads: code-review, data-analysis, release-notes, research-report, web-app.
Ctrl-C cancels: the model's socket is closed, what was written and used is kept. A second one leaves at once.
--json writes one event a line, from the execution's first event on (also with --resume), and a last line
{"type":"summary", …}; nothing else goes to standard output.

Exit code: 0 completed · 1 not completed · 2 wrong use or configuration · 130 cancelled · 143 stopped by SIGTERM`;

interface TypedOptions {
  squad: string;
  file: string[];
  budget?: number;
  model?: string;
  json?: boolean;
  resume?: string;
}

/** `muster run`: one task, worked in this process. */
export function runCommand(context: CommandContext): Command {
  return new Command("run")
    .description(
      "do one task here, without a server: shows who speaks, the plan and the spend, prints result and files",
    )
    .argument("[task]", "what is to be done; its first line is the title")
    .option("-s, --squad <slug>", "squad of yours, or template of that name", "research-report")
    .option(
      "-f, --file <path>",
      "file for the squad; may be given several times",
      (path, all: string[]) => [...all, path],
      [],
    )
    .option("-b, --budget <usd>", "what the execution may cost at most, in US dollars", parseBudget)
    .option("-m, --model <model>", "model of all members in this run (default: each member's own)")
    .option("--json", "one JSON event per line, and a summary as the last line")
    .option("-r, --resume <id>", "go on with an execution: after a crash, a pause, a failure or a spent budget")
    .addHelpText("after", examples)
    .action(async (task: string | undefined, typed: TypedOptions) => {
      const options = toRunOptions(task, typed);
      const config = readConfig(context);
      // Before anything is opened: a wrong file name costs nothing.
      const files = await readFiles(typed.file);
      const { runExecution } = await import("../run/run-execution.ts");
      context.exitCode = await runExecution(config, { ...options, files });
    });
}

/** Warnings only, unless LOG_LEVEL asks for more: the terminal belongs to the squad. */
function readConfig(context: CommandContext) {
  const config = loadConfig();
  context.config = config;
  return readCommandEnvironment().logLevel === null ? { ...config, logLevel: "warn" as const } : config;
}

function toRunOptions(task: string | undefined, typed: TypedOptions): Omit<RunOptions, "files"> {
  const { resume } = typed;
  if (resume === undefined) {
    if (task === undefined || task.trim() === "") throw usageError('say what is to be done: muster run "TASK"');
  } else {
    if (task !== undefined) throw usageError("--resume goes on with the task that the execution has: leave out TASK");
    parseExecutionId(resume);
    if (typed.file.length > 0 || typed.model !== undefined) throw usageError("--resume takes no --file and no --model");
  }
  return {
    task: task ?? "",
    squad: typed.squad,
    budgetNanoUsd: typed.budget ?? null,
    model: typed.model ?? null,
    json: typed.json === true,
    resume: resume ?? null,
  };
}
