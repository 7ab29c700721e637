import { Command, Option } from "commander";
import { loadConfig } from "#config";
import { executionStatuses } from "#contracts";
import type { CommandContext } from "../program.ts";
import { parseBudget, parseExecutionId } from "../typed.ts";

const examples = `
Examples:
  $ muster execution list --status running
  $ muster execution show 0193c9a4-7f52-7c1e-9d0a-5b2f3c4d5e6f
  $ muster execution pause 0193c9a4-7f52-7c1e-9d0a-5b2f3c4d5e6f
  $ muster execution resume 0193c9a4-7f52-7c1e-9d0a-5b2f3c4d5e6f --budget 1.50
  $ muster execution cancel 0193c9a4-7f52-7c1e-9d0a-5b2f3c4d5e6f

The executions are those of this installation's owner, or of --user. A running server hears of the wish at once; where
none runs, "muster up" or "muster run --resume ID" goes on with what is queued. Asking twice is asking once.`;

const actions = {
  cancel: "end it: the model's socket is closed, what was written and used is kept",
  pause: "let running calls finish and begin none",
  resume: "go on after a pause or a spent budget",
  retry: "go on from the first unfinished step after a failure or a cancel; finished work is kept",
  approve: "let the step that waits for approval go on",
  refuse: "end at the step that waits for approval",
} as const;
export type ExecutionCommandAction = keyof typeof actions;

/** `muster execution`: look at executions and steer them from a terminal. */
export function executionCommand(context: CommandContext): Command {
  const open = async () => {
    const config = loadConfig();
    context.config = config;
    return { config, ...(await import("../execution/steer-execution.ts")) };
  };
  const user = () => new Option("-u, --user <email>", "whose execution it is (default: the owner's)");
  const command = new Command("execution")
    .description("list executions, show one, cancel, pause, resume, retry, approve")
    .addHelpText("after", examples);
  command
    .command("list")
    .description("the newest executions")
    .addOption(new Option("-s, --status <status>", "only of this status").choices(executionStatuses))
    .option("-n, --limit <count>", "how many, 1 to 200", "20")
    .addOption(user())
    .action(async ({ status, limit, user }: ListOptions) => {
      const { config, listNewest } = await open();
      await listNewest(config, { user, status, limit });
    });
  command
    .command("show")
    .description("state, steps, spend and what may be done now")
    .argument("<id>", "id of the execution", parseExecutionId)
    .addOption(user())
    .action(async (id: string, { user }: { user?: string }) => {
      const { config, showExecution } = await open();
      await showExecution(config, { user, executionId: id });
    });
  for (const [action, description] of Object.entries(actions) as [ExecutionCommandAction, string][]) {
    const one = command
      .command(action)
      .description(description)
      .argument("<id>", "id of the execution", parseExecutionId)
      .addOption(user());
    if (action === "resume" || action === "retry")
      one.option("-b, --budget <usd>", "what it may cost in all from now on, in US dollars", parseBudget);
    one.action(async (id: string, { user, budget }: { user?: string; budget?: number }) => {
      const { config, steerExecution } = await open();
      await steerExecution(config, { user, executionId: id, action, budgetNanoUsd: budget ?? null });
    });
  }
  return command;
}

interface ListOptions {
  status?: (typeof executionStatuses)[number];
  limit: string;
  user?: string;
}
