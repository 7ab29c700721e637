import { CommandError, exitCodes } from "../exit.ts";

/** What the user or the system wants of a run that is under way. */
export interface Interrupts {
  /** Aborted by SIGTERM or SIGHUP: leave in order, the execution goes on another time. */
  readonly terminated: AbortSignal;
  /** Calls `cancel` with the first Ctrl-C, at once when that has been. Returns what takes it back. */
  onCancel(cancel: () => void): () => void;
  /** @throws {CommandError} when the user wants to leave before anything was begun. */
  throwIfInterrupted(): void;
  stop(): void;
}

/** Watches the signals: the first Ctrl-C cancels, the second leaves at once. */
export function watchInterrupts(): Interrupts {
  const terminated = new AbortController();
  let interrupted = false;
  let onFirst: (() => void) | undefined;
  const onInterrupt = () => {
    if (interrupted) process.exit(exitCodes.cancelled);
    interrupted = true;
    onFirst?.();
  };
  const onTerminate = () => {
    if (terminated.signal.aborted) process.exit(exitCodes.terminated);
    terminated.abort(new CommandError("stopped before it began", exitCodes.terminated));
  };
  process.on("SIGINT", onInterrupt);
  process.on("SIGTERM", onTerminate);
  process.on("SIGHUP", onTerminate);
  return {
    terminated: terminated.signal,
    onCancel(cancel) {
      onFirst = cancel;
      if (interrupted) cancel();
      return () => {
        onFirst = undefined;
      };
    },
    throwIfInterrupted() {
      terminated.signal.throwIfAborted();
      if (interrupted) throw new CommandError("cancelled before it began", exitCodes.cancelled);
    },
    stop() {
      process.off("SIGINT", onInterrupt);
      process.off("SIGTERM", onTerminate);
      process.off("SIGHUP", onTerminate);
    },
  };
}
