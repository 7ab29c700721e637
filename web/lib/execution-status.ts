import type { ExecutionStatus, TerminalExecutionStatus } from "#contracts";

const terminal: Record<TerminalExecutionStatus, true> = {
  completed: true,
  failed: true,
  cancelled: true,
  budget_exceeded: true,
};

/** Whether nothing more happens in this status unless a user acts. */
export function isTerminal(status: ExecutionStatus): status is TerminalExecutionStatus {
  return status in terminal;
}
