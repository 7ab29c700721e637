export { type LedgerEntry, lastUserText, pieces, type Script, type ScriptedAnswer } from "./answers.ts";
export { startAnthropicServer } from "./anthropic-server.ts";
export type { Fault, FaultPlan } from "./faults.ts";
export { startResponsesServer } from "./openai-responses-server.ts";
export { startOpenAiServer } from "./openai-server.ts";
export type { RecordedRequest, WireServer, WireServerOptions } from "./wire-server.ts";
