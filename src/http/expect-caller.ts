import { AppError } from "#contracts";
import type { Caller } from "#domain";

/** The caller of a route whose policy lets nobody in without one. */
export function expectCaller(caller: Caller | null): Caller {
  if (caller === null) throw new AppError("unauthorized", "Sign in, or send a valid API key.");
  return caller;
}
