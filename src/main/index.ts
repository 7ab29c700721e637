/** The only place that constructs: composes the parts into a server, a worker or a command line. */
export * from "./command-line.ts";
export { type Core, type CoreOptions, composeCore } from "./compose-core.ts";
export { startDeferredCalls } from "./deferred-call-runner.ts";
export { type Muster, startMuster } from "./start-muster.ts";
export type { RunningWorker } from "./start-worker.ts";
export { musterVersion } from "./version.ts";
export { buildWebIfMissing } from "./web-build.ts";
