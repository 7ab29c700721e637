"use client";
import { useQuery } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";
import type { AgentMessagePage } from "#contracts";
import { apiGet, queryString } from "../../lib/api.ts";
import type { LiveMessages } from "./apply-events.ts";
import { messagesKey } from "./follow-into-cache.ts";

interface TargetMessage {
  /** Id of the message that the address points at (`#message-ID`). */
  id: string | null;
  /** `older`: it is there, above what is loaded. `absent`: this execution has no such message. */
  state: "none" | "loaded" | "asking" | "older" | "absent" | "failed";
  /** Asks again after a failure. */
  retry: () => void;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * The message of a link, and whether it is to be found: a link may be mistyped or of another execution, and nobody should
 * have a whole conversation loaded to learn that. One that is not loaded is asked for by its id first.
 */
export function useTargetMessage(executionId: string, live: LiveMessages | undefined): TargetMessage {
  const id = useSyncExternalStore(listen, targetOfAddress, () => null);
  const loaded = id !== null && (live?.messages.some((message) => message.id === id) ?? false);
  const askable = id !== null && uuid.test(id) && Boolean(live?.olderCursor);
  const { data, isError, refetch } = useQuery({
    queryKey: [...messagesKey(executionId), "at", id],
    enabled: askable && !loaded,
    queryFn: async ({ signal }) => {
      const url = `/api/v1/executions/${executionId}/messages${queryString({ from: id ?? "", limit: 1 })}`;
      return (await apiGet<AgentMessagePage>(url, signal)).data[0]?.id === id;
    },
  });
  return { id, state: stateOf(), retry: () => void refetch() };

  function stateOf(): TargetMessage["state"] {
    if (id === null || !live) return "none";
    if (loaded) return "loaded";
    if (!askable) return "absent";
    if (data !== undefined) return data ? "older" : "absent";
    return isError ? "failed" : "asking";
  }
}

function listen(notify: () => void): () => void {
  window.addEventListener("hashchange", notify);
  return () => window.removeEventListener("hashchange", notify);
}

function targetOfAddress(): string | null {
  const { hash } = window.location;
  return hash.startsWith("#message-") ? hash.slice("#message-".length) : null;
}
