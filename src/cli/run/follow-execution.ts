import type { ExecutionEvent } from "#contracts";
import { type Core, readExecution, type Scope, toExecutionEvent } from "#main";

/** Why following came to a halt: the execution has ended, or it rests until its user acts. */
export type Halt = "ended" | "paused" | "awaiting_approval";

/**
 * Hands over every event of an execution from the first on, and resolves when it has ended or rests. Goes on by itself
 * when the database is away for a while. `signal` ends it early, rejecting with the signal's reason.
 */
export function followExecution(
  core: Core,
  scope: Scope,
  options: { executionId: string; afterSeq: number; signal: AbortSignal; onEvent: (event: ExecutionEvent) => void },
): Promise<Halt> {
  const { executionId, afterSeq, signal, onEvent } = options;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    let halted = false;
    const halt = (how: Halt) => {
      if (halted) return;
      halted = true;
      unsubscribe();
      signal.removeEventListener("abort", onAbort);
      resolve(how);
    };
    const onAbort = () => {
      unsubscribe();
      reject(signal.reason);
    };
    async function lookWhetherItRests(): Promise<void> {
      try {
        const execution = await readExecution(core.db, scope, executionId);
        if (execution?.status === "paused" || execution?.status === "awaiting_approval") halt(execution.status);
      } catch (error) {
        core.logger.warn({ err: error }, "the execution cannot be read now");
      }
    }
    const unsubscribe = core.hub.subscribe(executionId, afterSeq, {
      onEvents(events) {
        for (const event of events) onEvent(toExecutionEvent(event));
        const mayRest = events.some(({ type }) => type === "execution-pause" || type === "approval-request");
        if (mayRest) void lookWhetherItRests();
      },
      onEnd: () => halt("ended"),
      onError: (error) => core.logger.warn({ err: error }, "the events cannot be read now; trying again"),
    });
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
