"use client";
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import type { TaskListItem, TaskPage } from "#contracts";
import { apiGet } from "../../lib/api.ts";
import { firstPageOf } from "../../lib/queries.ts";

const pageSize = 100;
export const boardKey = (projectId: string) => ["/tasks", "board", projectId] as const;

/** The tasks of a project's board: the first hundred, more on request. */
export function useBoardTasks(projectId: string) {
  const client = useQueryClient();
  const pageUrl = (page: number) => `/api/v1/tasks?projectId=${projectId}&page=${page}&pageSize=${pageSize}`;
  const query = useInfiniteQuery({
    ...firstPageOf<TaskPage, number>(client, pageUrl(1), 1),
    queryKey: boardKey(projectId),
    queryFn: ({ pageParam, signal }) => apiGet<TaskPage>(pageUrl(pageParam), signal),
    initialPageParam: 1,
    getNextPageParam: (page) => (page.page < page.pages ? page.page + 1 : null),
  });
  const data = useMemo(() => {
    if (!query.data) return undefined;
    // A task that moved between two reads may stand on both pages.
    const byId = new Map<string, TaskListItem>();
    for (const page of query.data.pages) for (const task of page.data) byId.set(task.id, task);
    return [...byId.values()];
  }, [query.data]);
  return {
    data,
    error: query.error,
    total: query.data?.pages[0]?.total ?? 0,
    hasMore: query.hasNextPage,
    loadingMore: query.isFetchingNextPage,
    loadMore: () => void query.fetchNextPage(),
    refetch: () => void query.refetch(),
  };
}
