"use client";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useState } from "react";
import type { AgentMessage, AgentMessagePage, ExecutionAnswer } from "#contracts";
import { apiGet, queryString } from "../../lib/api.ts";
import type { ConnectionState } from "../../lib/follow-execution.ts";
import { beginningOf, queries } from "../../lib/queries.ts";
import { type LiveMessages, mergeMessages } from "./apply-events.ts";
import { messagesKey } from "./follow-into-cache.ts";

/** The messages beyond those that are loaded, at one end of them. */
export interface MoreMessages {
  /** None, there to be loaded, on their way, or asked for in vain. */
  state: "none" | "there" | "busy" | "failed";
  error: unknown;
  /** Loads a page more of them; after a failure, what failed. */
  load: () => void;
}

interface MessageQuery {
  cursor?: string;
  /** Id of the first message, in place of a cursor. */
  from?: string;
  limit?: number;
  order?: "asc" | "desc";
  stepId?: string | undefined;
  search?: string | undefined;
}

const pageUrl = (executionId: string, query?: MessageQuery) =>
  `/api/v1/executions/${executionId}/messages${queryString({ limit: 100, order: "desc", ...query })}`;

/** Ids sort by time. */
function oldestOf(messages: readonly AgentMessage[]): string | null {
  return messages.reduce<string | null>((oldest, { id }) => (oldest === null || id < oldest ? id : oldest), null);
}

/** A page of messages, the newest first where nothing else is said. */
export function readMessages(
  executionId: string,
  query?: MessageQuery,
  signal?: AbortSignal,
): Promise<AgentMessagePage> {
  return apiGet<AgentMessagePage>(pageUrl(executionId, query), signal);
}

/**
 * The messages of an execution: the newest hundred, what is being written, and older ones on request. Live events are
 * patched in by `useFollow`; whenever the line (re)opens, the newest page is merged in, which closes the gap between
 * two reads that were not made at the same moment. After a failure older ones come only when they are asked for again.
 */
export function useMessages(executionId: string, ready: boolean, connection: ConnectionState | null) {
  const client = useQueryClient();
  const [olderBusy, setOlderBusy] = useState(false);
  const [olderError, setOlderError] = useState<unknown>(null);
  const begin = (page: AgentMessagePage): LiveMessages => {
    // Read after the page came: events may have been taken in meanwhile.
    const execution = client.getQueryData<ExecutionAnswer>(queries.execution(executionId).queryKey)?.execution;
    return {
      messages: mergeMessages(mergeMessages([], page.data), execution?.streaming ?? []),
      olderCursor: page.nextCursor,
      oldestId: oldestOf(page.data),
      lastSeq: execution?.lastSeq ?? 0,
      waitUntilMs: null,
    };
  };
  const query = useQuery<LiveMessages>({
    queryKey: messagesKey(executionId),
    enabled: ready,
    staleTime: Number.POSITIVE_INFINITY,
    structuralSharing: false,
    initialData: () => {
      const beginning = beginningOf<AgentMessagePage>(client, pageUrl(executionId));
      return beginning && begin(beginning.value);
    },
    queryFn: async ({ signal }) => begin(await readMessages(executionId, {}, signal)),
  });
  /** Takes in messages; with a cursor those before which it leads on. */
  const adopt = useCallback(
    (messages: readonly AgentMessage[], olderCursor?: string | null) =>
      client.setQueryData<LiveMessages>(messagesKey(executionId), (live) =>
        live
          ? {
              ...live,
              messages: mergeMessages(live.messages, messages),
              ...(olderCursor === undefined ? {} : { olderCursor, oldestId: oldestOf(messages) ?? live.oldestId }),
            }
          : live,
      ),
    [client, executionId],
  );

  const loaded = query.isSuccess;
  useEffect(() => {
    if (!loaded || (connection !== "live" && connection !== "ended")) return;
    const stop = new AbortController();
    readMessages(executionId, {}, stop.signal)
      .then((page) => adopt(page.data))
      // The stream has what matters; the next opening tries again.
      .catch(() => undefined);
    return () => stop.abort();
  }, [loaded, connection, executionId, adopt]);

  const cursor = query.data?.olderCursor ?? null;
  const loadOlder = useCallback(async () => {
    if (!cursor || olderBusy) return;
    setOlderBusy(true);
    setOlderError(null);
    try {
      // Through the client, for its patience with a server that is restarting or overloaded.
      const page = await client.fetchQuery({
        queryKey: [...messagesKey(executionId), "older", cursor],
        queryFn: () => readMessages(executionId, { cursor }),
        gcTime: 0,
      });
      adopt(page.data, page.nextCursor);
    } catch (error) {
      setOlderError(error);
    }
    setOlderBusy(false);
  }, [client, cursor, olderBusy, executionId, adopt]);

  const state = !cursor ? "none" : olderBusy ? "busy" : olderError ? "failed" : "there";
  const older: MoreMessages = { state, error: olderError, load: loadOlder };
  return { ...query, older, adopt };
}
