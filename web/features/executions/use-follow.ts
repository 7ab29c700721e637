"use client";
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useState } from "react";
import type { ConnectionState } from "../../lib/follow-execution.ts";

/** Following comes after the first sight of a page, so its script is no part of what a page loads first. */
export const loadFollowing = () => import("./follow-into-cache.ts");

/** A script that did not come (no line at this moment) is asked for again after this long. */
const loadAgainMs = 2000;

export interface Following {
  /** Null while nothing is followed. */
  state: ConnectionState | null;
  /** Begins anew, for after the server refused. */
  retry: () => void;
}

/**
 * Follows an execution whose answer is in the cache already, patching the cache with what happens; null follows nothing.
 * When it ends, whatever lists it is read anew.
 */
export function useFollow(executionId: string | null): Following {
  const client = useQueryClient();
  const [state, setState] = useState<ConnectionState | null>(null);
  const [attempt, setAttempt] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt follows anew
  useEffect(() => {
    if (!executionId) {
      setState(null);
      return;
    }
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const begin = () => {
      loadFollowing().then(
        ({ followIntoCache }) => {
          if (!stop.signal.aborted) followIntoCache(client, executionId, stop.signal, setState);
        },
        () => {
          if (stop.signal.aborted) return;
          setState("reconnecting");
          timer = setTimeout(begin, loadAgainMs);
        },
      );
    };
    begin();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [executionId, client, attempt]);
  return { state, retry: useCallback(() => setAttempt((before) => before + 1), []) };
}
