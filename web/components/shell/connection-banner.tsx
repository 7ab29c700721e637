"use client";
import { useQueryClient } from "@tanstack/react-query";
import { CloudOff } from "lucide-react";
import { useEffect, useSyncExternalStore } from "react";

function subscribe(notify: () => void) {
  window.addEventListener("online", notify);
  window.addEventListener("offline", notify);
  return () => {
    window.removeEventListener("online", notify);
    window.removeEventListener("offline", notify);
  };
}

/** Says that the device is offline, and reloads what failed meanwhile once it is back. */
export function ConnectionBanner() {
  const client = useQueryClient();
  const online = useSyncExternalStore(
    subscribe,
    () => navigator.onLine,
    () => true,
  );
  useEffect(() => {
    if (online) void client.refetchQueries({ type: "active", predicate: (query) => query.state.status === "error" });
  }, [online, client]);
  if (online) return null;
  return (
    <p
      role="status"
      className="fixed inset-x-0 top-12 z-40 mx-auto flex w-fit items-center gap-2 rounded-b-lg bg-attention-soft px-3 py-1.5 text-attention text-xs md:top-0"
    >
      <CloudOff aria-hidden className="size-3.5" />
      You are offline. What is shown may be old; squads go on working on the server.
    </p>
  );
}
