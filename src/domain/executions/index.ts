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
export {
  listExecutions,
  listLiveExecutions,
  listLlmCalls,
  listMessages,
  listNewestExecutions,
  ownsExecution,
  readExecutionItems,
} from "./executions.queries.ts";
export { listFileVersions, readFileVersion } from "./file-versions.ts";
export { allowedActions, readExecution } from "./read-execution.ts";
export { listToolCalls, readToolCall } from "./tool-calls.queries.ts";
