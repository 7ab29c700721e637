import type { Execution, ExecutionEvent } from "#contracts";
import type { Summary } from "./summary.ts";

/**
 * How a run is shown.
 *
 * Contract: gets every event once and in order; `replay` marks those that were stored before this run began.
 */
export interface RunView {
  begin(execution: Execution): void;
  show(event: ExecutionEvent, replay: boolean): void;
  /** Something about the run itself, not about the execution. */
  notice(line: string): void;
  /** Takes down what is redrawn, so that a question can be asked. */
  suspend(): void;
  /** The end; nothing is shown after it. */
  finish(summary: Summary): void;
  /** Gives the terminal back, also after a fault. May be called again. */
  close(): void;
}
