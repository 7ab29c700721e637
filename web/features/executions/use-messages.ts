"use client";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useState } from "react";
import type { AgentMessagePage, ExecutionAnswer } from "#contracts";
import { apiGet, queryString } from "../../lib/api.ts";
import type { ConnectionState } from "../../lib/follow-execution.ts";
import { beginningOf, queries } from "../../lib/queries.ts";
import { type LiveMessages, mergeMessages } from "./apply-events.ts";
import { messagesKey } from "./follow-into-cache.ts";

/** The messages before those that are loaded. */
export interface OlderMessages {
  /** None, there to be loaded, on their way, or asked for in vain. */
  state: "none" | "there" | "busy" | "failed";
  error: unknown;
  /** Loads a page more of them; after a failure, what failed. */
  load: () => void;
}

/** Where a page of messages is, the newest first. */
export const pageUrl = (
  executionId: string,
  query?: { cursor: string; limit?: number; stepId?: string | undefined; search?: string | undefined },
) => `/api/v1/executions/${executionId}/messages${queryString({ limit: 100, order: "desc", ...query })}`;
/** As many as the API gives at once: a link may mean one far back. */
const olderPageSize = 200;

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
    queryFn: async ({ signal }) => begin(await apiGet<AgentMessagePage>(pageUrl(executionId), signal)),
  });
  const merge = useCallback(
    (page: AgentMessagePage, older: boolean) =>
      client.setQueryData<LiveMessages>(messagesKey(executionId), (live) =>
        live
          ? {
              ...live,
              messages: mergeMessages(live.messages, page.data),
              ...(older ? { olderCursor: page.nextCursor } : {}),
            }
          : live,
      ),
    [client, executionId],
  );

  const loaded = query.isSuccess;
  useEffect(() => {
    if (!loaded || (connection !== "live" && connection !== "ended")) return;
    const stop = new AbortController();
    apiGet<AgentMessagePage>(pageUrl(executionId), stop.signal)
      .then((page) => merge(page, false))
      // The stream has what matters; the next opening tries again.
      .catch(() => undefined);
    return () => stop.abort();
  }, [loaded, connection, executionId, merge]);

  const cursor = query.data?.olderCursor ?? null;
  const loadOlder = useCallback(async () => {
    if (!cursor || olderBusy) return;
    setOlderBusy(true);
    setOlderError(null);
    try {
      // Through the client, for its patience with a server that is restarting or overloaded.
      const page = await client.fetchQuery({
        queryKey: [...messagesKey(executionId), "older", cursor],
        queryFn: () => apiGet<AgentMessagePage>(pageUrl(executionId, { cursor, limit: olderPageSize })),
        gcTime: 0,
      });
      merge(page, true);
    } catch (error) {
      setOlderError(error);
    }
    setOlderBusy(false);
  }, [client, cursor, olderBusy, executionId, merge]);

  const state = !cursor ? "none" : olderBusy ? "busy" : olderError ? "failed" : "there";
  const older: OlderMessages = { state, error: olderError, load: loadOlder };
  return { ...query, older };
}
