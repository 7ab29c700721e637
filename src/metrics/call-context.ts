import { AsyncLocalStorage } from "node:async_hooks";
import type { Span } from "./traces/tracer.ts";

/** What every log line, slow query and span of one request or execution has in common. */
export interface CallContextValues {
  requestId?: string;
  executionId?: string;
  /** The route's pattern, for example `/api/v1/squads/:squadId`. */
  route?: string;
  span?: Span;
}

/** Carries the values through `await`, without an argument in every signature. */
export interface CallContext {
  /** Runs `work` with these values on top of the surrounding ones. */
  run<Result>(values: CallContextValues, work: () => Result): Result;
  /** The values of here; empty outside of `run`. */
  get(): CallContextValues;
}

const none: CallContextValues = Object.freeze({});

export function createCallContext(): CallContext {
  const storage = new AsyncLocalStorage<CallContextValues>();
  return {
    run: (values, work) => storage.run({ ...storage.getStore(), ...values }, work),
    get: () => storage.getStore() ?? none,
  };
}
