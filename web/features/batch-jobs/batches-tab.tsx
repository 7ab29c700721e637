"use client";
import { type InfiniteData, type UseInfiniteQueryResult, useInfiniteQuery } from "@tanstack/react-query";
import type { BatchJobPage, DeferredCallPage } from "#contracts";
import { Loading, Skeleton } from "../../components/ui/states.tsx";
import { apiGet, queryString } from "../../lib/api.ts";
import { BatchList } from "./batch-list.tsx";
import { DeferredCallList } from "./deferred-call-list.tsx";
import { isOpen } from "./deferred-call-states.ts";

export type ListQuery<Page> = UseInfiniteQueryResult<InfiniteData<Page>>;

/** No stream tells of batches and deferred calls; they take minutes to hours. A call that waits is looked at more often. */
const refreshMs = 30_000;
const waitingRefreshMs = 5_000;

/** What was deferred: batches at their providers, and the calls that were sent one by one. */
export default function BatchesTab() {
  const batches = useCursorList<BatchJobPage>("/batch-jobs", () => refreshMs);
  const calls = useCursorList<DeferredCallPage>("/deferred-calls", (pages) =>
    pages.some((page) => page.data.some((call) => isOpen(call.state))) ? waitingRefreshMs : refreshMs,
  );
  // Both at once, so that the second does not move when the first is there.
  if (batches.isPending || calls.isPending) {
    return (
      <Loading label="Loading what was deferred">
        <Skeleton className="h-72 rounded-lg" />
      </Loading>
    );
  }
  return (
    <div id="executions" className="flex flex-col gap-4">
      <BatchList query={batches} />
      <DeferredCallList query={calls} />
    </div>
  );
}

function useCursorList<Page extends { nextCursor: string | null }>(
  path: string,
  everyMs: (pages: Page[]) => number,
): ListQuery<Page> {
  return useInfiniteQuery({
    queryKey: [path],
    queryFn: ({ pageParam, signal }) =>
      apiGet<Page>(`/api/v1${path}${queryString({ limit: 10, cursor: pageParam })}`, signal),
    initialPageParam: "",
    getNextPageParam: (page: Page) => page.nextCursor,
    staleTime: 0,
    refetchInterval: ({ state }) => everyMs(state.data?.pages ?? []),
  });
}
