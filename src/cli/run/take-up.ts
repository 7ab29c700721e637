import {
  type Core,
  readExecution,
  resumeExecution,
  retryExecution,
  type Scope,
  sendHints,
  setExecutionBudget,
} from "#main";
import { CommandError, usageError } from "../exit.ts";

/**
 * Goes on with an execution: one that failed, was cancelled, paused or ran out of money is put back into the queue, with
 * all finished work kept; one that a crash left is found by the worker; one that has ended well is only shown.
 */
export async function takeUp(
  core: Core,
  scope: Scope,
  executionId: string,
  budgetNanoUsd: number | null,
): Promise<{ executionId: string; shownSeq: number }> {
  const execution = await readExecution(core.db, scope, executionId);
  if (!execution)
    throw usageError(`there is no execution ${executionId} in this installation, or it is another user's`);
  if (budgetNanoUsd !== null) {
    const raised = await setExecutionBudget(core.db, scope, executionId, budgetNanoUsd);
    if (raised.outcome !== "ok") throw new CommandError(raised.detail);
  }
  const shownSeq = execution.lastSeq;
  const again = execution.allowedActions.includes("resume")
    ? resumeExecution
    : execution.allowedActions.includes("retry")
      ? retryExecution
      : null;
  if (again !== null) {
    const outcome = await again(core.db, scope, executionId);
    if (outcome.outcome !== "ok") throw new CommandError(outcome.detail);
    sendHints(core.hints, outcome);
  }
  return { executionId, shownSeq };
}
