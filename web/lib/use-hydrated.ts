"use client";
import { useSyncExternalStore } from "react";

const never = () => () => {};

/** False while the static document is being hydrated, true right after: what depends on the visitor waits for it. */
export function useHydrated(): boolean {
  return useSyncExternalStore(
    never,
    () => true,
    () => false,
  );
}
