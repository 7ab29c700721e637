import type { Config } from "#config";
import type { Execution, ExecutionStatus } from "#contracts";
import {
  approveExecution,
  type Core,
  cancelExecution,
  composeCore,
  ensureOwner,
  findUserByEmail,
  listExecutions,
  pauseExecution,
  readExecution,
  resumeExecution,
  retryExecution,
  type Scope,
  sendHints,
  setExecutionBudget,
} from "#main";
import type { ExecutionCommandAction } from "../commands/execution.ts";
import { CommandError, usageError } from "../exit.ts";
import { formatCost, formatCount, formatElapsed, plural, printable } from "../format.ts";

interface Steering {
  executionId: string;
  action: ExecutionCommandAction;
  /** The new limit of the execution, set before it goes on; null leaves it. */
  budgetNanoUsd: number | null;
  user?: string | undefined;
}

/** Asks for what was typed and says what came of it. @throws {CommandError} when its state does not allow it */
export async function steerExecution(config: Config, steering: Steering): Promise<void> {
  await withCore(config, steering.user, async (core, scope) => {
    const before = await find(core, scope, steering.executionId);
    if (steering.budgetNanoUsd !== null) {
      const raised = await setExecutionBudget(core.db, scope, before.id, steering.budgetNanoUsd);
      if (raised.outcome !== "ok") throw new CommandError(raised.detail);
    }
    const outcome = await ask(core, scope, steering);
    if (outcome.outcome !== "ok") throw new CommandError(outcome.detail);
    sendHints(core.hints, outcome);
    core.answers.changed({ userId: scope.userId, executionId: before.id, squadId: before.squad.id, coarse: true });
    process.stdout.write(`${before.id} is ${describe(outcome.execution.status, steering.action)}\n`);
  });
}

function ask({ db }: Core, scope: Scope, { action, executionId }: Steering) {
  switch (action) {
    case "cancel":
      return cancelExecution(db, scope, executionId);
    case "pause":
      return pauseExecution(db, scope, executionId);
    case "resume":
      return resumeExecution(db, scope, executionId);
    case "retry":
      return retryExecution(db, scope, executionId);
    case "approve":
      return approveExecution(db, scope, executionId, { approved: true });
    case "refuse":
      return approveExecution(db, scope, executionId, { approved: false });
  }
}

/** A running one ends or pauses when its worker has heard of it. */
function describe(status: ExecutionStatus, action: ExecutionCommandAction): string {
  if (status === "running" && action === "cancel") return "running and will be cancelled";
  if (status === "running" && action === "pause") return "running and will pause after its calls in flight";
  if (status === "queued") return "queued; a running server works it, or: muster up";
  return status;
}

/** The newest executions, a line each. */
export async function listNewest(
  config: Config,
  options: { user?: string | undefined; status?: ExecutionStatus | undefined; limit: string },
): Promise<void> {
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > 200) throw usageError("--limit is a whole number from 1 to 200");
  await withCore(config, options.user, async (core, scope) => {
    const page = await listExecutions(core.db, scope, { limit, ...(options.status ? { status: options.status } : {}) });
    if (page.data.length === 0) process.stderr.write("No executions.\n");
    for (const one of page.data) {
      const { id, status, createdAt, taskTitle } = one;
      const cost = `${one.costIncomplete ? "≥ " : ""}${formatCost(one.costNanoUsd)}`.padStart(10);
      process.stdout.write(
        `${id}  ${status.padEnd(17)}  ${createdAt}  ${cost}  ${printable(taskTitle).split("\n")[0]}\n`,
      );
    }
  });
}

/** One execution with its steps. */
export async function showExecution(
  config: Config,
  options: { user?: string | undefined; executionId: string },
): Promise<void> {
  await withCore(config, options.user, async (core, scope) => {
    const execution = await find(core, scope, options.executionId);
    process.stdout.write(`${linesOf(execution).join("\n")}\n`);
  });
}

function linesOf(execution: Execution): string[] {
  const { totals, budget } = execution;
  const tokens = totals.inputTokens + totals.outputTokens;
  const lines = [
    `${printable(execution.task.title)}`,
    `  squad    ${printable(execution.squad.name)}`,
    `  status   ${execution.status}${execution.endReason ? ` (${execution.endReason})` : ""}${execution.error ? `: ${printable(execution.error)}` : ""}`,
    `  spend    ${formatCost(totals.costNanoUsd)}${budget ? ` of ${formatCost(budget.limitNanoUsd)}` : ""} in ${plural(totals.llmCalls, "call")} with ${formatCount(tokens)} tokens`,
    `  worked   ${formatElapsed(totals.workedMs)}`,
    `  may be   ${execution.allowedActions.join(", ") || "only read: it is over"}`,
  ];
  for (const step of execution.steps) lines.push(`  ${step.status.padEnd(10)} ${step.key}  ${printable(step.title)}`);
  return lines;
}

async function find(core: Core, scope: Scope, executionId: string): Promise<Execution> {
  const execution = await readExecution(core.db, scope, executionId);
  if (!execution) {
    throw new CommandError(`there is no execution ${executionId} of this user here; muster execution list shows them`);
  }
  return execution;
}

async function withCore(
  config: Config,
  email: string | undefined,
  work: (core: Core, scope: Scope) => Promise<void>,
): Promise<void> {
  const core = await composeCore(
    { ...config, logLevel: config.logLevel === "info" ? "warn" : config.logLevel },
    { role: "cli", logToStderr: true },
  );
  try {
    const userId = email === undefined ? (await ensureOwner(core.db)).id : (await findUserByEmail(core.db, email))?.id;
    if (userId === undefined) throw new CommandError(`nobody here has the e-mail ${email}`);
    await work(core, { userId });
  } finally {
    await core.close();
  }
}
