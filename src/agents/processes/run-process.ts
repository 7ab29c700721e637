import type { SquadProcess } from "#contracts";
import type { ExecutionRuntime, ProcessOutcome, SquadProcessRunner } from "../types.ts";
import { runLead } from "./lead.ts";
import { runParallel } from "./parallel.ts";
import { runSequential } from "./sequential.ts";

export const processes: Record<SquadProcess, SquadProcessRunner> = {
  lead: runLead,
  sequential: runSequential,
  parallel: runParallel,
};

/**
 * Drives an execution by its squad's process, from the top; what is on record is not done again. Rejects with
 * `ExecutionStopped` when the runtime stops it, and with the provider's error when a call fails for good.
 */
export function runProcess(runtime: ExecutionRuntime): Promise<ProcessOutcome> {
  return processes[runtime.squad.process](runtime);
}
