/** Works executions: claims them, drives their squad's process on the journal, recovers what others left. */
export { createJournalWriter, type JournalWriter } from "./journal-writer.ts";
export { compactJournals, expiring, forgetExpired, type MaintenanceReport, maintain } from "./maintain.ts";
export type { RunDeps } from "./run-execution.ts";
export { type ExecutionWorker, startWorker } from "./worker.ts";
export { workspaceFolder } from "./workspace-folder.ts";
