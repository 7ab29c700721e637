/**
 * Tells other parts, in this process and others, that an execution changed. Hints only: whoever misses one finds out by
 * looking at the database. Call after the commit, never inside the transaction.
 */
export interface ExecutionHints {
  /** There is something in the queue. */
  queued(): void;
  /** The worker of this execution should look at a user's wish. */
  control(executionId: string, wish: "cancel" | "pause"): void;
  /** Events up to this number are stored. */
  events(executionId: string, lastSeq: number): void;
}

/** Sends the hints of one committed change. */
export function sendHints(
  hints: ExecutionHints,
  change: { execution: { id: string }; lastSeq: number; wish?: "cancel" | "pause" | "run" | null },
): void {
  hints.events(change.execution.id, change.lastSeq);
  if (change.wish === "cancel" || change.wish === "pause") hints.control(change.execution.id, change.wish);
  else if (change.wish !== null) hints.queued();
}
