"use client";
import { skipToken, useQuery, useQueryClient } from "@tanstack/react-query";
import { CloudOff, Unplug } from "lucide-react";
import { useEffect, useState, useSyncExternalStore } from "react";
import type { ConnectionState } from "../../lib/follow-stream.ts";
import { changesStateKey } from "../../lib/queries.ts";

/** A line that is back sooner (a server that was restarted in between, a stream that was renewed) is not spoken of. */
const quietMs = 1000;

function subscribe(notify: () => void) {
  window.addEventListener("online", notify);
  window.addEventListener("offline", notify);
  return () => {
    window.removeEventListener("online", notify);
    window.removeEventListener("offline", notify);
  };
}

/**
 * Says on every page when what it shows may be old: the device is offline, or the server cannot be reached, or does not
 * let changes be followed. It lies over the page: nothing moves when it comes and goes. On a phone it lies over the name in
 * the header, between its buttons.
 */
export function ConnectionBanner({ onRetry }: { onRetry: () => void }) {
  const client = useQueryClient();
  const online = useSyncExternalStore(
    subscribe,
    () => navigator.onLine,
    () => true,
  );
  const { data: line } = useQuery<ConnectionState>({ queryKey: changesStateKey, queryFn: skipToken });
  const reconnecting = useLasting(line === "reconnecting", quietMs);
  useEffect(() => {
    const again = () =>
      void client.refetchQueries({ type: "active", predicate: (query) => query.state.status === "error" });
    window.addEventListener("online", again);
    return () => window.removeEventListener("online", again);
  }, [client]);
  const refused = line === "refused" || line === "gone";
  const shown = !online || reconnecting || refused;
  const Icon = online ? Unplug : CloudOff;
  return (
    <div
      role="status"
      className="pointer-events-none fixed top-0 right-24 left-14 z-40 flex h-12 items-center justify-center md:inset-x-0 md:h-auto"
    >
      {shown && (
        <p className="pointer-events-auto flex items-center gap-2 rounded-lg bg-attention-soft px-3 py-1.5 text-attention text-xs leading-tight md:rounded-t-none">
          <Icon aria-hidden className="size-3.5 shrink-0" />
          {!online
            ? "You are offline: what you see may be old. Squads work on."
            : refused
              ? "Not live: what you see may be old."
              : "Reconnecting: what you see may be old."}
          {online && refused && (
            <button type="button" onClick={onRetry} className="rounded font-medium text-accent hover:underline">
              Try again
            </button>
          )}
        </p>
      )}
    </div>
  );
}

/** True once `now` has been true for that long without a break. */
function useLasting(now: boolean, forMs: number): boolean {
  const [lasting, setLasting] = useState(false);
  useEffect(() => {
    setLasting(false);
    if (!now) return;
    const timer = setTimeout(() => setLasting(true), forMs);
    return () => clearTimeout(timer);
  }, [now, forMs]);
  return now && lasting;
}
