import { type Static, Type } from "typebox";
import { toolCallStates } from "../closed-sets.ts";
import { cursorPageOf, cursorQuery, Id, listOf, nullable, object, Timestamp } from "./common.ts";

const toolCallBase = {
  id: Id,
  stepId: Id,
  memberId: Id,
  messageId: nullable(Id),
  ordinal: Type.Integer({ description: "Which of the calls that its message asked for, from 1" }),
  tool: Type.String(),
  state: Type.Enum(toolCallStates),
  arguments: Type.String({ description: "JSON as the model wrote it" }),
  result: nullable(Type.String({ description: "What the model was told; null while it runs" })),
  startedAt: Timestamp,
  endedAt: nullable(Timestamp),
};

/** A tool call as lists show it: the first 2,000 characters of arguments and result. */
export const ToolCallListItem = object({
  ...toolCallBase,
  argumentsTruncated: Type.Boolean(),
  resultTruncated: Type.Boolean(),
});
export type ToolCallListItem = Static<typeof ToolCallListItem>;
export const ToolCallPage = cursorPageOf(ToolCallListItem);
export type ToolCallPage = Static<typeof ToolCallPage>;
export const ToolCallListQuery = object({ ...cursorQuery, stepId: Type.Optional(Id) });
export type ToolCallListQuery = Static<typeof ToolCallListQuery>;

export const ToolCallRecord = object(toolCallBase);
export type ToolCallRecord = Static<typeof ToolCallRecord>;
export const ToolCallAnswer = object({ toolCall: ToolCallRecord });
export type ToolCallAnswer = Static<typeof ToolCallAnswer>;
export const ToolCallParams = object({ executionId: Id, toolCallId: Id });

/** One state of a file: what a call of `write_file` or `edit_file` left behind. */
export const FileVersion = object({
  toolCallId: Id,
  tool: Type.String(),
  stepId: Id,
  memberId: Id,
  at: Timestamp,
  bytes: Type.Integer(),
});
export type FileVersion = Static<typeof FileVersion>;
export const FileVersionQuery = object({ path: Type.String({ minLength: 1, maxLength: 1_000 }) });
export const FileVersionList = listOf(FileVersion);
export type FileVersionList = Static<typeof FileVersionList>;

/** `before` is null for the first version. */
export const FileVersionAnswer = object({
  version: FileVersion,
  path: Type.String(),
  before: nullable(Type.String()),
  after: Type.String(),
});
export type FileVersionAnswer = Static<typeof FileVersionAnswer>;
