"use client";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import type { AgentMessage, AgentMessagePage } from "#contracts";
import { type LiveMessage, type LiveMessages, mergeMessages } from "./apply-events.ts";
import { messagesKey } from "./follow-into-cache.ts";
import { type MoreMessages, readMessages } from "./use-messages.ts";

/** Messages around the one of a link, with others between them and the newest that are not loaded. */
export interface Passage {
  /** Oldest first. */
  messages: LiveMessage[];
  older: MoreMessages;
  newer: MoreMessages;
}

/** The message that the address points at (`#message-ID`). */
export interface Target {
  /** Null when there is none, or the reader has left it. */
  id: string | null;
  /** `apart`: it is in `passage`. `absent`: this execution has no such message. */
  state: "none" | "loaded" | "asking" | "apart" | "absent" | "failed";
  passage: Passage | null;
  /** Changes when what the list shows is another place, and not when a passage has met the newest messages. */
  place: string;
  /** Asks again after a failure. */
  retry: () => void;
  /** From the passage to the newest messages. */
  leave: () => void;
}

/** Ids (`around`, `from`) and cursors (`before`, `after`). */
type Where = { around: string } | { from: string } | { before: string } | { after: string };

/** Some messages, and where those before and after them are. */
interface Stretch {
  messages: AgentMessage[];
  olderCursor: string | null;
  newer: Where | null;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** As many to each side as fill the highest view. */
const aroundSize = 50;

/**
 * Opens the message of a link. It may be far back: what lies between it and the newest is loaded only if somebody reads
 * it, and the passage becomes part of the list once it meets what is loaded. It may also be mistyped or of another execution.
 */
export function useTarget(
  executionId: string,
  live: LiveMessages | undefined,
  adopt: (messages: readonly AgentMessage[], olderCursor: string | null) => void,
): Target {
  const address = useSyncExternalStore(listen, targetOfAddress, () => null);
  const [left, setLeft] = useState<string | null>(null);
  const [joined, setJoined] = useState<string | null>(null);
  const id = address === left ? null : address;
  const loaded = id !== null && (live?.messages.some((message) => message.id === id) ?? false);
  const askable = id !== null && uuid.test(id) && Boolean(live?.olderCursor);
  const query = useInfiniteQuery({
    queryKey: [...messagesKey(executionId), "around", id],
    enabled: askable && !loaded,
    initialPageParam: { around: id ?? "" } as Where,
    queryFn: ({ pageParam, signal }) => readStretch(executionId, pageParam, signal),
    getPreviousPageParam: ({ olderCursor }): Where | null => (olderCursor === null ? null : { before: olderCursor }),
    getNextPageParam: ({ newer }) => newer,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const { data, isError, refetch, hasPreviousPage, hasNextPage, fetchPreviousPage, fetchNextPage } = query;
  const stored = useMemo(() => (data?.pages ?? []).flatMap((page) => page.messages), [data]);
  const messages = useMemo(() => mergeMessages([], stored), [stored]);

  const newest = messages.at(-1)?.id;
  const oldestLoaded = live?.oldestId ?? null;
  const isMet = newest !== undefined && (!hasNextPage || (oldestLoaded !== null && newest >= oldestLoaded));
  const isApart = askable && !loaded && messages.length > 0;
  const olderCursor = data?.pages[0]?.olderCursor ?? null;
  useEffect(() => {
    if (!isApart || !isMet) return;
    adopt(stored, olderCursor);
    setJoined(id);
  }, [isApart, isMet, adopt, stored, olderCursor, id]);

  const loadOlder = useCallback(() => void fetchPreviousPage({ cancelRefetch: false }), [fetchPreviousPage]);
  const loadNewer = useCallback(() => void fetchNextPage({ cancelRefetch: false }), [fetchNextPage]);
  const passage: Passage | null = isApart
    ? {
        messages,
        older: {
          state: stateOfEnd(hasPreviousPage, query.isFetchingPreviousPage, query.isFetchPreviousPageError),
          error: query.error,
          load: loadOlder,
        },
        newer: {
          state: stateOfEnd(hasNextPage, query.isFetchingNextPage, query.isFetchNextPageError),
          error: query.error,
          load: loadNewer,
        },
      }
    : null;
  return {
    id,
    state: stateOfTarget(),
    passage,
    place: id !== null && (isApart || joined === id) ? id : "newest",
    retry: () => void refetch(),
    leave: () => setLeft(address),
  };

  function stateOfTarget(): Target["state"] {
    if (id === null || !live) return "none";
    if (loaded) return "loaded";
    if (isApart) return "apart";
    if (!askable || data) return "absent";
    return isError ? "failed" : "asking";
  }
}

function stateOfEnd(isMore: boolean, isBusy: boolean, hasFailed: boolean): MoreMessages["state"] {
  if (!isMore) return "none";
  if (isBusy) return "busy";
  return hasFailed ? "failed" : "there";
}

/**
 * No messages when the one in the middle is not there. What lies before others leads on to them again, for a query that is
 * read anew goes from its first page to its last.
 */
async function readStretch(executionId: string, where: Where, signal: AbortSignal): Promise<Stretch> {
  if ("before" in where) {
    const page = await readMessages(executionId, { cursor: where.before }, signal);
    const [newest] = page.data;
    return { messages: page.data, olderCursor: page.nextCursor, newer: newest ? { from: newest.id } : null };
  }
  if ("around" in where) {
    const from = { from: where.around, limit: aroundSize };
    const [before, after] = await Promise.all([
      readMessages(executionId, from, signal),
      readMessages(executionId, { ...from, order: "asc" }, signal),
    ]);
    if (before.data[0]?.id !== where.around) return { messages: [], olderCursor: null, newer: null };
    return { messages: [...before.data, ...after.data], olderCursor: before.nextCursor, newer: newerThan(after) };
  }
  const from = "from" in where ? { from: where.from } : { cursor: where.after };
  const page = await readMessages(executionId, { ...from, order: "asc" }, signal);
  return { messages: page.data, olderCursor: null, newer: newerThan(page) };
}

function newerThan({ nextCursor }: AgentMessagePage): Where | null {
  return nextCursor === null ? null : { after: nextCursor };
}

function listen(notify: () => void): () => void {
  window.addEventListener("hashchange", notify);
  return () => window.removeEventListener("hashchange", notify);
}

function targetOfAddress(): string | null {
  const { hash } = window.location;
  // Ids are written in small letters, whoever passed the link on.
  return hash.startsWith("#message-") ? hash.slice("#message-".length).toLowerCase() : null;
}
