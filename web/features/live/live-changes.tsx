"use client";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { followChanges } from "./follow-changes.ts";

/** Keeps what is shown up to date for as long as the page is open. Shows nothing. */
export default function LiveChanges() {
  const client = useQueryClient();
  useEffect(() => {
    const stop = new AbortController();
    void followChanges(client, stop.signal);
    return () => stop.abort();
  }, [client]);
  return null;
}
