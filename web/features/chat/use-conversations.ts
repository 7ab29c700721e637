"use client";
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import type { Conversation, ConversationMessagePage, ConversationPage } from "#contracts";
import { apiGet, queryString } from "../../lib/api.ts";
import { firstPageOf, queries } from "../../lib/queries.ts";

/** Key of the list; what begins or deletes a conversation makes it old. */
export const conversationsKey = ["/conversations"] as const;
export const messagesKey = (conversationId: string) => [`/conversations/${conversationId}/messages`] as const;

/** The conversations, newest first: thirty, older ones on request. */
export function useConversations() {
  const client = useQueryClient();
  const pageUrl = (cursor: string) => `/api/v1/conversations${queryString({ limit: 30, cursor })}`;
  const query = useInfiniteQuery({
    ...firstPageOf<ConversationPage, string>(client, pageUrl(""), ""),
    queryKey: [...conversationsKey, "all"],
    queryFn: ({ pageParam, signal }) => apiGet<ConversationPage>(pageUrl(pageParam), signal),
    initialPageParam: "",
    getNextPageParam: (page) => page.nextCursor,
    staleTime: 5000,
  });
  return { ...query, data: query.data?.pages.flatMap((page) => page.data) };
}

/** The conversation that is open: from the list, or read by its id where the list does not reach that far. */
export function useConversation(
  conversationId: string | null,
  list: Pick<ReturnType<typeof useConversations>, "data" | "isPending">,
): Conversation | undefined {
  const listed = list.data?.find(({ id }) => id === conversationId);
  const single = useQuery({
    ...queries.conversation(conversationId ?? ""),
    enabled: conversationId !== null && !listed && !list.isPending,
  });
  return listed ?? (conversationId === null ? undefined : single.data?.conversation);
}

/** What was said in a conversation, oldest first: the last hundred messages, older ones on request. */
export function useConversationMessages(conversationId: string | null) {
  const query = useInfiniteQuery({
    queryKey: messagesKey(conversationId ?? ""),
    queryFn: ({ pageParam, signal }) =>
      apiGet<ConversationMessagePage>(
        `/api/v1/conversations/${conversationId}/messages${queryString({ limit: 100, cursor: pageParam })}`,
        signal,
      ),
    initialPageParam: "",
    getNextPageParam: (page) => page.nextCursor,
    enabled: conversationId !== null,
    staleTime: 0,
  });
  const messages = query.data?.pages.flatMap((page) => page.data) ?? [];
  return { ...query, data: messages.sort((one, other) => (one.id < other.id ? -1 : 1)) };
}
