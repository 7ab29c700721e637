import { type Static, Type } from "typebox";
import {
  cacheResults,
  endReasons,
  executionStatuses,
  llmCallStates,
  messageStatuses,
  providerKinds,
  squadProcesses,
  stepKinds,
  stepStatuses,
} from "../closed-sets.ts";
import { BudgetState } from "./budgets.ts";
import {
  cursorPageOf,
  cursorQuery,
  Id,
  listOf,
  MaybeMoney,
  Money,
  nullable,
  object,
  SearchText,
  Timestamp,
} from "./common.ts";
import { ExecutionLimitsView } from "./squads.ts";

const NullableId = nullable(Id);
const NullableText = nullable(Type.String());
const NullableInteger = nullable(Type.Integer());

/** What of an execution its user may do now. */
export const executionActions = ["cancel", "pause", "resume", "retry", "approve"] as const;
export type ExecutionAction = (typeof executionActions)[number];

export const ExecutionTotals = object({
  llmCalls: Type.Integer(),
  toolCalls: Type.Integer(),
  inputTokens: Type.Integer(),
  outputTokens: Type.Integer(),
  costNanoUsd: Money,
  costIncomplete: Type.Boolean({ description: "A call of unknown price is part of it: the cost is a lower bound" }),
  workedMs: Type.Integer({ description: "Time of work, pauses excluded" }),
});
export type ExecutionTotals = Static<typeof ExecutionTotals>;

const executionBase = {
  id: Id,
  taskId: Id,
  squadId: NullableId,
  status: Type.Enum(executionStatuses),
  endReason: nullable(Type.Enum(endReasons)),
  error: NullableText,
  createdAt: Timestamp,
  startedAt: nullable(Timestamp),
  endedAt: nullable(Timestamp),
  deferred: Type.Boolean({ description: "Its calls go to the provider's batch service" }),
};

/** An execution as lists show it. */
export const ExecutionListItem = object({
  ...executionBase,
  error: nullable(Type.String({ description: "The first 200 characters" })),
  taskTitle: Type.String(),
  squadName: Type.String(),
  inputTokens: Type.Integer(),
  outputTokens: Type.Integer(),
  costNanoUsd: Money,
  costIncomplete: Type.Boolean(),
  // Two figures that stand still, not one that grows: an answer that is kept or not modified stays true.
  workedMs: Type.Integer({ description: "Time of work, pauses excluded; while it runs, as it was at `runningSince`" }),
  runningSince: nullable(Timestamp),
  stepsTotal: Type.Integer(),
  stepsEnded: Type.Integer(),
});
export type ExecutionListItem = Static<typeof ExecutionListItem>;
export const ExecutionPage = cursorPageOf(ExecutionListItem);
export type ExecutionPage = Static<typeof ExecutionPage>;
export const ExecutionListQuery = object({
  ...cursorQuery,
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 20 })),
  squadId: Type.Optional(Id),
  taskId: Type.Optional(Id),
  status: Type.Optional(Type.Enum(executionStatuses)),
  search: Type.Optional(SearchText),
});
export type ExecutionListQuery = Static<typeof ExecutionListQuery>;
export const ExecutionParams = object({ executionId: Id });

export const ExecutionStep = object({
  id: Id,
  key: Type.String({ description: "Unique in the execution; `dependsOn` names keys" }),
  kind: Type.Enum(stepKinds),
  ordinal: Type.Integer(),
  title: Type.String(),
  memberId: NullableId,
  dependsOn: Type.Array(Type.String()),
  doneCriterion: Type.String(),
  status: Type.Enum(stepStatuses),
  attempt: Type.Integer(),
  outputMessageId: NullableId,
  data: Type.Unknown({ description: "Structured facts kept with the step, for example a reviewer's verdict" }),
  error: NullableText,
  startedAt: nullable(Timestamp),
  endedAt: nullable(Timestamp),
  llmCalls: Type.Integer({ description: "Calls that have ended" }),
  costNanoUsd: Money,
  costIncomplete: Type.Boolean({ description: "A call of unknown price is part of it: the cost is a lower bound" }),
});
export type ExecutionStep = Static<typeof ExecutionStep>;

export const ToolCallView = object({ id: Type.String(), name: Type.String(), arguments: Type.String() });
export type ToolCallView = Static<typeof ToolCallView>;

export const AgentMessage = object({
  id: Id,
  stepId: NullableId,
  memberId: NullableId,
  role: Type.Enum(["assistant", "tool", "user"]),
  status: Type.Enum(messageStatuses),
  model: NullableText,
  content: Type.String(),
  toolCalls: nullable(Type.Array(ToolCallView)),
  inputTokens: NullableInteger,
  outputTokens: NullableInteger,
  createdAt: Timestamp,
});
export type AgentMessage = Static<typeof AgentMessage>;
export const AgentMessagePage = cursorPageOf(AgentMessage);
export type AgentMessagePage = Static<typeof AgentMessagePage>;
export const MessageListQuery = object({
  ...cursorQuery,
  order: Type.Optional(Type.Enum(["desc", "asc"], { default: "desc" })),
  from: Type.Optional({
    ...Id,
    description:
      "In place of a cursor: the page begins with this message where there is one, else with the next in the order",
  }),
  stepId: Type.Optional({ ...Id, description: "Only what was said in this step" }),
  search: Type.Optional({ ...SearchText, description: "Part of what is said, whatever the case" }),
});
export type MessageListQuery = Static<typeof MessageListQuery>;

/** The squad as the execution works with it: a copy taken when it was accepted. */
export const ExecutionSquad = object({
  id: Id,
  slug: Type.String(),
  name: Type.String(),
  process: Type.Enum(squadProcesses),
  goal: Type.String(),
  fallbackModels: Type.Array(Type.String()),
  requireApproval: Type.Boolean(),
  members: Type.Array(
    object({
      id: Id,
      name: Type.String(),
      role: Type.String(),
      model: Type.String(),
      tools: Type.Array(Type.String()),
      isLead: Type.Boolean(),
      position: Type.Integer(),
      avatarKey: nullable(Type.String({ description: "The member's present picture" })),
    }),
  ),
});
export type ExecutionSquad = Static<typeof ExecutionSquad>;

export const Execution = object({
  ...executionBase,
  task: object({ id: Id, title: Type.String(), description: Type.String() }),
  squad: ExecutionSquad,
  steps: Type.Array(ExecutionStep),
  totals: ExecutionTotals,
  limits: ExecutionLimitsView,
  budget: nullable(BudgetState),
  lastSeq: Type.Integer({ description: "Number of the last event this answer includes: stream with ?after= it" }),
  streaming: Type.Array(AgentMessage, { description: "Messages being written, with what is there of them" }),
  result: nullable(object({ messageId: Id, text: Type.String() })),
  cancelRequested: Type.Boolean(),
  pauseRequested: Type.Boolean(),
  allowedActions: Type.Array(Type.Enum(executionActions)),
});
export type Execution = Static<typeof Execution>;
export const ExecutionAnswer = object({ execution: Execution });
export type ExecutionAnswer = Static<typeof ExecutionAnswer>;

/** Without `squadId` the task's own squad runs it. */
export const CreateExecutionBody = object({
  squadId: Type.Optional(Id),
  budgetUsd: Type.Optional(Type.Number({ minimum: 0, maximum: 1_000_000 })),
  deferred: Type.Optional(
    Type.Boolean({ description: "Calls go to the provider's batch service: about half the price, up to a day" }),
  ),
});
export type CreateExecutionBody = Static<typeof CreateExecutionBody>;

/** Answer of accepting and of each action; the rest is read from the execution. */
export const ExecutionState = object({
  id: Id,
  taskId: Id,
  squadId: NullableId,
  status: Type.Enum(executionStatuses),
  createdAt: Timestamp,
});
export type ExecutionState = Static<typeof ExecutionState>;
export const ExecutionStateAnswer = object({ execution: ExecutionState });
export type ExecutionStateAnswer = Static<typeof ExecutionStateAnswer>;

/** `approved` false refuses the step; the default is true. Without `stepId` the one that waits is meant. */
export const ApproveExecutionBody = object({
  stepId: Type.Optional(Id),
  approved: Type.Optional(Type.Boolean()),
});
export type ApproveExecutionBody = Static<typeof ApproveExecutionBody>;

export const LlmCallView = object({
  id: Id,
  stepId: Id,
  memberId: NullableId,
  key: Type.String(),
  state: Type.Enum(llmCallStates),
  messageId: Id,
  provider: Type.Enum(providerKinds),
  model: Type.String(),
  inputTokens: Type.Integer(),
  cacheReadTokens: Type.Integer(),
  outputTokens: Type.Integer(),
  costNanoUsd: MaybeMoney,
  savedNanoUsd: MaybeMoney,
  cacheResult: nullable(Type.Enum(cacheResults)),
  attempts: Type.Integer(),
  rateWaitMs: NullableInteger,
  timeToFirstTokenMs: NullableInteger,
  latencyMs: NullableInteger,
  trimmed: nullable(object({ droppedMessages: Type.Integer(), droppedTokens: Type.Integer() })),
  error: NullableText,
  startedAt: Timestamp,
  endedAt: nullable(Timestamp),
});
export type LlmCallView = Static<typeof LlmCallView>;
export const LlmCallPage = cursorPageOf(LlmCallView);
export type LlmCallPage = Static<typeof LlmCallPage>;
export const LlmCallListQuery = object({ ...cursorQuery, stepId: Type.Optional(Id) });
export type LlmCallListQuery = Static<typeof LlmCallListQuery>;

export const ExecutionFile = object({
  path: Type.String({ description: "Relative to the workspace, with / between folders" }),
  bytes: Type.Integer(),
  mediaType: Type.String(),
  modifiedAt: Timestamp,
});
export type ExecutionFile = Static<typeof ExecutionFile>;
export const ExecutionFileList = listOf(ExecutionFile);
export type ExecutionFileList = Static<typeof ExecutionFileList>;
/** `download=true` sends it as an attachment. */
export const ExecutionFileQuery = object({ download: Type.Optional(Type.Boolean()) });

export const ExecutionEventsQuery = object({
  after: Type.Optional(Type.Integer({ minimum: 0, description: "Send events with a higher seq" })),
});
export type ExecutionEventsQuery = Static<typeof ExecutionEventsQuery>;
