/** How a command ended, for the shell. */
export const exitCodes = { done: 0, failed: 1, usage: 2, cancelled: 130, terminated: 143 } as const;

/** A command cannot go on; the message is for whoever typed it and says what to do. */
export class CommandError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode: number = exitCodes.failed, options?: { cause: unknown }) {
    super(message, options);
    this.name = "CommandError";
    this.exitCode = exitCode;
  }
}

/** What was typed cannot be used as it stands. */
export function usageError(message: string): CommandError {
  return new CommandError(message, exitCodes.usage);
}
