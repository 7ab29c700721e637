import { QueryClient } from "@tanstack/react-query";
import { ApiError } from "./api.ts";

const minuteMs = 60_000;

/** Server state: fresh for five minutes (live events patch it meanwhile), kept for ten, never refetched on focus. */
export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5 * minuteMs,
        gcTime: 10 * minuteMs,
        refetchOnWindowFocus: false,
        networkMode: "always",
        retry: (failures, error) =>
          failures < 2 && error instanceof ApiError && (error.status === 0 || error.status >= 502),
        retryDelay: (attempt) => 400 * 2 ** attempt,
      },
      mutations: { networkMode: "always" },
    },
  });
}
