import { type Static, Type } from "typebox";
import { batchJobStates, providerKinds } from "../closed-sets.ts";
import { cursorQuery, Id, nullable, object, Timestamp } from "./common.ts";

/** A batch of deferred calls at their provider. */
export const BatchJob = object({
  id: Id,
  provider: Type.Enum(providerKinds),
  accountId: Type.String({ description: "A provider account's id, or the name of one of the installation" }),
  model: Type.String(),
  providerBatchId: nullable(Type.String({ description: "The provider's own id, once it has said it" })),
  state: Type.Enum(batchJobStates),
  calls: Type.Integer(),
  doneCalls: Type.Integer(),
  failedCalls: Type.Integer(),
  leftCalls: Type.Integer({ description: "Calls that went live or were cancelled before their result came" }),
  executionIds: Type.Array(Id, { description: "Executions whose calls are in it" }),
  error: nullable(Type.String()),
  createdAt: Timestamp,
  submittedAt: nullable(Timestamp),
  deadlineAt: Type.String({ description: "When the first of its calls goes live; ISO 8601 in UTC" }),
  endedAt: nullable(Timestamp),
});
export type BatchJob = Static<typeof BatchJob>;

/** Newest first. `waitingCalls` are collected but in no batch yet. */
export const BatchJobPage = object({
  data: Type.Array(BatchJob),
  nextCursor: nullable(Type.String()),
  waitingCalls: Type.Integer(),
});
export type BatchJobPage = Static<typeof BatchJobPage>;
export const BatchJobListQuery = object(cursorQuery);
export type BatchJobListQuery = Static<typeof BatchJobListQuery>;
export const BatchJobParams = object({ batchJobId: Id });
export const BatchJobAnswer = object({ batchJob: BatchJob });
export type BatchJobAnswer = Static<typeof BatchJobAnswer>;
