import {
  ConversationAnswer,
  ConversationListQuery,
  ConversationMessagePage,
  ConversationPage,
  ConversationParams,
} from "#contracts";
import { deleteConversation, listConversationMessages, listConversations, readConversation } from "#domain";
import { expectFound, expectOk } from "../../expect-ok.ts";
import { type AnyRoute, defineRoute } from "../../route.ts";

const tag = "chat";

/** Conversations that were held with members and models. */
export function conversationRoutes(): AnyRoute[] {
  return [
    defineRoute({
      method: "GET",
      path: "/api/v1/conversations",
      operationId: "listConversations",
      tag,
      summary: "Conversations, newest first",
      policy: "user",
      query: ConversationListQuery,
      answer: ConversationPage,
      handle: ({ db, caller, query }) => listConversations(db, caller, query),
    }),
    defineRoute({
      method: "GET",
      path: "/api/v1/conversations/:conversationId",
      operationId: "readConversation",
      tag,
      summary: "One conversation: its title and whom it is with",
      policy: "user",
      params: ConversationParams,
      answer: ConversationAnswer,
      handle: async ({ db, caller, params }) => ({
        conversation: expectFound(await readConversation(db, caller, params.conversationId), "conversation"),
      }),
    }),
    defineRoute({
      method: "GET",
      path: "/api/v1/conversations/:conversationId/messages",
      operationId: "listConversationMessages",
      tag,
      summary: "Messages of a conversation, newest first",
      policy: "user",
      params: ConversationParams,
      query: ConversationListQuery,
      answer: ConversationMessagePage,
      handle: async ({ db, caller, params, query }) =>
        expectFound(await listConversationMessages(db, caller, params.conversationId, query), "conversation"),
    }),
    defineRoute({
      method: "DELETE",
      path: "/api/v1/conversations/:conversationId",
      operationId: "deleteConversation",
      tag,
      summary: "Deletes a conversation",
      policy: "user",
      params: ConversationParams,
      answer: null,
      handle: async ({ db, caller, params }) => {
        expectOk(await deleteConversation(db, caller, params.conversationId));
        return undefined;
      },
    }),
  ];
}
