"use client";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { ConnectionBanner } from "../../components/shell/connection-banner.tsx";
import { followChanges } from "./follow-changes.ts";

/** Keeps what is shown up to date for as long as the page is open, and says when it cannot. */
export default function LiveChanges() {
  const client = useQueryClient();
  const [attempt, setAttempt] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt follows anew
  useEffect(() => {
    const stop = new AbortController();
    void followChanges(client, stop.signal);
    return () => stop.abort();
  }, [client, attempt]);
  return <ConnectionBanner onRetry={() => setAttempt((before) => before + 1)} />;
}
