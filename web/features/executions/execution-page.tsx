"use client";
import { useQuery } from "@tanstack/react-query";
import { ChevronLeft } from "lucide-react";
import dynamic from "next/dynamic";
import { Page } from "../../components/shell/page.tsx";
import { AppLink } from "../../components/ui/app-link.tsx";
import { Failure, Loading, Skeleton } from "../../components/ui/states.tsx";
import { StatusBadge } from "../../components/ui/status.tsx";
import { isTerminal } from "../../lib/execution-status.ts";
import { earlyPart, loadEarly } from "../../lib/page-parts.ts";
import { queries } from "../../lib/queries.ts";
import { useRouteId, useTitle } from "../../lib/use-route.ts";
import { ExecutionActions } from "./execution-actions.tsx";
import { ExecutionTotals } from "./execution-totals.tsx";
import { loadFollowing, useFollow } from "./use-follow.ts";

const ExecutionViewer = earlyPart(
  () => import("./execution-viewer.tsx"),
  dynamic(() => import("./execution-viewer.tsx"), { ssr: false, loading: ViewerSkeleton }),
);
loadEarly(loadFollowing);

/** `/executions/ID`: one run, live. */
export function ExecutionPage() {
  const id = useRouteId();
  const { data, error, refetch } = useQuery({ ...queries.execution(id ?? ""), enabled: id !== null, staleTime: 5000 });
  const execution = data?.execution;
  useTitle(execution?.task.title);
  const following = useFollow(execution && !isTerminal(execution.status) ? execution.id : null);
  return (
    <Page
      fill
      className="flex flex-col"
      before={
        <AppLink
          href="/executions"
          aria-label="All executions"
          className="-ml-1.5 inline-flex size-7 items-center justify-center rounded-md text-muted hover:bg-hover pointer-coarse:size-10"
        >
          <ChevronLeft aria-hidden className="size-4" />
        </AppLink>
      }
      title={execution?.task.title ?? "Execution"}
      pending={!execution}
      actions={
        execution ? (
          <>
            <StatusBadge status={execution.status} className="h-6" />
            <ExecutionActions execution={execution} />
          </>
        ) : (
          !error && <Skeleton className="h-8 w-44 pointer-coarse:h-10" />
        )
      }
    >
      {error && !execution ? (
        <Failure error={error} retry={() => void refetch()} />
      ) : (
        <>
          {execution ? (
            <ExecutionTotals execution={execution} following={following} />
          ) : (
            <Skeleton className="h-20 shrink-0 rounded-lg" />
          )}
          <div className="mt-3 flex min-h-0 flex-1 flex-col">
            {execution ? (
              <ExecutionViewer key={execution.id} execution={execution} connection={following.state} />
            ) : (
              <ViewerSkeleton />
            )}
          </div>
        </>
      )}
    </Page>
  );
}

function ViewerSkeleton() {
  return (
    <Loading label="Loading the execution" className="grid min-h-0 flex-1 gap-3 lg:grid-cols-[20rem_minmax(0,1fr)]">
      <Skeleton className="hidden rounded-lg lg:block" />
      <Skeleton className="rounded-lg" />
    </Loading>
  );
}
