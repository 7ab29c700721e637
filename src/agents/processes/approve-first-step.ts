import type { ExecutionRuntime, ProcessOutcome, StepRecord } from "../types.ts";

/** Where no plan is made, what is to be approved is the list of steps, before the first of them starts. Null: go on. */
export async function approveFirstStep(
  runtime: ExecutionRuntime,
  steps: readonly StepRecord[],
): Promise<ProcessOutcome | null> {
  const first = steps[0];
  if (!runtime.squad.requireApproval || first === undefined) return null;
  const { approved } = await runtime.requestApproval(first, "The squad asks for approval before it starts.");
  return approved ? null : { outcome: "failed", reason: "approval_refused", detail: "The start was not approved." };
}
