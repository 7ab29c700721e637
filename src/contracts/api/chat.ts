import { type Static, Type } from "typebox";
import { cacheResults } from "../closed-sets.ts";
import { cursorPageOf, cursorQuery, Id, MaybeMoney, nullable, object, Problem, Timestamp } from "./common.ts";

/** Exactly one of `squadMemberId` and `model` on the first message; a conversation keeps whom it is with. */
export const ChatBody = object({
  squadMemberId: Type.Optional(Id),
  model: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  message: Type.String({ minLength: 1, maxLength: 200_000 }),
  conversationId: Type.Optional(Id),
});
export type ChatBody = Static<typeof ChatBody>;

/** Frames of the answer, each the JSON of one `data:` line: chunks, then `done` or `error`. */
export const ChatChunk = object({ chunk: Type.String() });
export type ChatChunk = Static<typeof ChatChunk>;
/** What was shown so far is void: the answer starts again. */
export const ChatReset = object({ reset: Type.Literal(true), reason: Type.String() });
export type ChatReset = Static<typeof ChatReset>;
/** The call waits for its provider's rate limit until this time (epoch milliseconds). */
export const ChatWait = object({ waitUntilMs: Type.Integer() });
export type ChatWait = Static<typeof ChatWait>;
/** What an answer took and cost. */
const bill = {
  model: Type.String(),
  usage: object({
    inputTokens: Type.Integer(),
    cacheReadTokens: Type.Integer(),
    outputTokens: Type.Integer(),
    estimated: Type.Boolean(),
  }),
  costNanoUsd: MaybeMoney,
  savedNanoUsd: MaybeMoney,
  cacheResult: Type.Enum(cacheResults),
};
export const ChatBill = object(bill);
export type ChatBill = Static<typeof ChatBill>;
export const ChatDone = object({ done: Type.Literal(true), conversationId: Id, messageId: Id, ...bill });
export type ChatDone = Static<typeof ChatDone>;
export const ChatError = object({ error: Problem });
export type ChatError = Static<typeof ChatError>;
export const ChatFrame = Type.Union([ChatChunk, ChatReset, ChatWait, ChatDone, ChatError]);
export type ChatFrame = Static<typeof ChatFrame>;

export const Conversation = object({
  id: Id,
  title: Type.String(),
  squadMemberId: nullable(Id),
  model: nullable(Type.String()),
  createdAt: Timestamp,
});
export type Conversation = Static<typeof Conversation>;
export const ConversationAnswer = object({ conversation: Conversation });
export type ConversationAnswer = Static<typeof ConversationAnswer>;
export const ConversationPage = cursorPageOf(Conversation);
export type ConversationPage = Static<typeof ConversationPage>;
export const ConversationListQuery = object(cursorQuery);
export type ConversationListQuery = Static<typeof ConversationListQuery>;
export const ConversationParams = object({ conversationId: Id });
export const ConversationMessage = object({
  id: Id,
  role: Type.Enum(["user", "assistant"]),
  content: Type.String(),
  /** Null where an answer broke off, or was given before bills were kept. */
  bill: nullable(ChatBill),
  createdAt: Timestamp,
});
export type ConversationMessage = Static<typeof ConversationMessage>;
export const ConversationMessagePage = cursorPageOf(ConversationMessage);
export type ConversationMessagePage = Static<typeof ConversationMessagePage>;
