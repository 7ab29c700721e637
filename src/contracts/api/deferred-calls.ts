import { type Static, Type } from "typebox";
import { deferredCallStates } from "../closed-sets.ts";
import { errorCodes } from "../errors.ts";
import { cursorPageOf, cursorQuery, Id, MaybeMoney, nullable, object, Timestamp } from "./common.ts";

const TokenCount = Type.Integer();

/** The answer in OpenAI's format. */
export const DeferredCompletion = object({
  id: Type.String(),
  object: Type.Literal("chat.completion"),
  created: Type.Integer(),
  model: Type.String(),
  choices: Type.Array(
    object({
      index: Type.Integer(),
      message: object({
        role: Type.Literal("assistant"),
        content: nullable(Type.String()),
        refusal: Type.Null(),
        tool_calls: Type.Optional(
          Type.Array(
            object({
              id: Type.String(),
              type: Type.Literal("function"),
              function: object({ name: Type.String(), arguments: Type.String() }),
            }),
          ),
        ),
      }),
      logprobs: Type.Null(),
      finish_reason: Type.String(),
    }),
  ),
  usage: object({
    prompt_tokens: TokenCount,
    completion_tokens: TokenCount,
    total_tokens: TokenCount,
    prompt_tokens_details: object({ cached_tokens: TokenCount }),
    completion_tokens_details: object({ reasoning_tokens: TokenCount }),
  }),
});
export type DeferredCompletion = Static<typeof DeferredCompletion>;

/** A single call that waits for its provider's batch. */
export const DeferredCall = object({
  id: Id,
  model: Type.String({ description: "As it was asked for" }),
  state: Type.Enum(deferredCallStates),
  batchJobId: nullable(Type.String({ description: "The batch it is or was in" })),
  deadlineAt: Type.String({ description: "When it is asked live; ISO 8601 in UTC" }),
  costNanoUsd: MaybeMoney,
  errorCode: nullable(Type.Enum(errorCodes)),
  error: nullable(Type.String()),
  createdAt: Timestamp,
  endedAt: nullable(Timestamp),
});
export type DeferredCall = Static<typeof DeferredCall>;
export const DeferredCallPage = cursorPageOf(DeferredCall);
export type DeferredCallPage = Static<typeof DeferredCallPage>;
export const DeferredCallListQuery = object(cursorQuery);
export type DeferredCallListQuery = Static<typeof DeferredCallListQuery>;
export const DeferredCallParams = object({ deferredCallId: Id });
/** `completion` is there once the state is `completed`. */
export const DeferredCallAnswer = object({ deferredCall: DeferredCall, completion: nullable(DeferredCompletion) });
export type DeferredCallAnswer = Static<typeof DeferredCallAnswer>;
