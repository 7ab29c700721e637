"use client";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useCallback, useMemo } from "react";
import { useSettled } from "../../lib/use-settled.ts";
import { type LiveMessage, type LiveMessages, mergeMessages } from "./apply-events.ts";
import { messagesKey } from "./follow-into-cache.ts";
import { type MoreMessages, readMessages } from "./use-messages.ts";

/** What narrows the list: words that a message must have ("" for all), the step it must be of. */
export interface Narrowing {
  words: string;
  stepId: string | null;
}

interface Listed {
  /** Oldest first. */
  messages: LiveMessage[];
  older: MoreMessages;
}

const typingPauseMs = 200;
const none: LiveMessage[] = [];

/**
 * The messages of the list: all that are loaded or, where it is narrowed, those that match. Among the loaded ones, which
 * live, they are found here with each letter that is typed; among the older ones by the server.
 */
export function useNarrowed(
  executionId: string,
  narrowing: Narrowing,
  { data, older }: { data: LiveMessages | undefined; older: MoreMessages },
): Listed {
  const { words, stepId } = narrowing;
  const isNarrowed = words !== "" || stepId !== null;
  const found = useFoundMessages(executionId, narrowing, isNarrowed ? (data?.olderCursor ?? null) : null);
  const loaded = data?.messages ?? none;
  const messages = useMemo(() => {
    if (!isNarrowed) return loaded;
    const lowered = words.toLowerCase();
    // What was found may be of the word before the last letter.
    return [...found.messages, ...loaded].filter(
      (message) =>
        (stepId === null || message.stepId === stepId) && (!lowered || message.content.toLowerCase().includes(lowered)),
    );
  }, [loaded, isNarrowed, words, stepId, found.messages]);
  return { messages, older: isNarrowed ? found.older : older };
}

/**
 * What matches among the messages before a cursor (null: there are none). Asked for when the words are the same for a moment;
 * after a failure only when it is asked for again.
 */
function useFoundMessages(executionId: string, narrowing: Narrowing, before: string | null): Listed {
  const { stepId } = narrowing;
  const words = useSettled(narrowing.words, typingPauseMs);
  const isSettled = words === narrowing.words;
  const { data, error, isFetching, hasNextPage, fetchNextPage, refetch } = useInfiniteQuery({
    queryKey: [...messagesKey(executionId), "found", words, stepId, before],
    enabled: before !== null && isSettled,
    queryFn: ({ pageParam, signal }) =>
      readMessages(executionId, { cursor: pageParam, stepId: stepId ?? undefined, search: words || undefined }, signal),
    initialPageParam: before ?? "",
    getNextPageParam: (page) => page.nextCursor,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const messages = useMemo(
    () =>
      mergeMessages(
        none,
        (data?.pages ?? []).flatMap((page) => page.data),
      ),
    [data],
  );
  const isBegun = data !== undefined;
  const load = useCallback(() => void (isBegun ? fetchNextPage() : refetch()), [isBegun, fetchNextPage, refetch]);
  if (before === null) return { messages: none, older: { state: "none", error: null, load } };
  if (!isSettled || isFetching || (!isBegun && !error))
    return { messages, older: { state: "busy", error: null, load } };
  return { messages, older: { state: error ? "failed" : hasNextPage ? "there" : "none", error, load } };
}
