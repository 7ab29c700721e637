export { type AcceptExecution, acceptExecution } from "./accept-execution.ts";
export {
  approveExecution,
  type ControlOutcome,
  cancelExecution,
  pauseExecution,
  resumeExecution,
  retryExecution,
} from "./control-execution.ts";
export { type ExecutionHints, sendHints } from "./execution-hints.ts";
export { listExecutions, listLlmCalls, listMessages, ownsExecution } from "./executions.queries.ts";
export { listFileVersions, readFileVersion } from "./file-versions.ts";
export { allowedActions, readExecution } from "./read-execution.ts";
export { listToolCalls, readToolCall } from "./tool-calls.queries.ts";
