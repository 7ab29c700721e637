"use client";
import { keepPreviousData, useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import clsx from "clsx";
import { Play } from "lucide-react";
import dynamic from "next/dynamic";
import type { ExecutionPage as ExecutionListPage, ExecutionStatus } from "#contracts";
import { Page } from "../../components/shell/page.tsx";
import { AppLink } from "../../components/ui/app-link.tsx";
import { Button, buttonClass } from "../../components/ui/button.tsx";
import { Panel } from "../../components/ui/panel.tsx";
import { SearchField } from "../../components/ui/search-field.tsx";
import { Empty, Failure, Loading, Skeletons } from "../../components/ui/states.tsx";
import { statusLabel } from "../../components/ui/status.tsx";
import { type Tab, Tabs } from "../../components/ui/tabs.tsx";
import { apiGet, queryString } from "../../lib/api.ts";
import { firstPageOf } from "../../lib/queries.ts";
import { useSearchState } from "../../lib/use-route.ts";
import { ExecutionRow } from "./execution-row.tsx";

const BatchesTab = dynamic(() => import("../batch-jobs/batches-tab.tsx"), {
  ssr: false,
  loading: () => <Skeletons count={1} className="h-72 rounded-lg" />,
});

type Filter = "all" | ExecutionStatus | "batches";
const tabs: Tab<Filter>[] = [
  { name: "all", label: "All" },
  ...(
    ["running", "queued", "awaiting_approval", "paused", "completed", "failed", "cancelled", "budget_exceeded"] as const
  ).map((status) => ({ name: status, label: statusLabel(status) })),
  { name: "batches", label: "Batches" },
];

/** `/executions`: every run, newest first, and the batches and calls that were deferred. */
export function ExecutionsPage() {
  const [parameters, setParameters] = useSearchState();
  const status = (tabs.find((tab) => tab.name === parameters.get("status"))?.name ?? "all") satisfies Filter;
  const words = parameters.get("search") ?? "";
  return (
    <Page
      title="Executions"
      toolbar={
        <>
          {status !== "batches" && (
            <SearchField
              label="Search executions by their task"
              placeholder="Search by task"
              value={words}
              onChange={(value) => setParameters({ search: value })}
            />
          )}
          <Tabs
            label="Status"
            tabs={tabs}
            value={status}
            controls="executions"
            onChange={(name) => setParameters({ status: name === "all" ? null : name })}
            className="-mx-1 max-w-full"
          />
        </>
      }
    >
      {status === "batches" ? <BatchesTab /> : <ExecutionList status={status} words={words} />}
    </Page>
  );
}

function ExecutionList({ status, words }: { status: "all" | ExecutionStatus; words: string }) {
  const client = useQueryClient();
  const pageUrl = (cursor: string) =>
    `/api/v1/executions${queryString({ limit: 30, status: status === "all" ? undefined : status, search: words, cursor })}`;
  const query = useInfiniteQuery({
    ...firstPageOf<ExecutionListPage, string>(client, pageUrl(""), ""),
    queryKey: ["/executions", "all", status, words],
    queryFn: ({ pageParam, signal }) => apiGet<ExecutionListPage>(pageUrl(pageParam), signal),
    initialPageParam: "",
    getNextPageParam: (page) => page.nextCursor,
    staleTime: 5000,
    placeholderData: keepPreviousData,
  });
  const executions = query.data?.pages.flatMap((page) => page.data) ?? [];
  return (
    <>
      <Panel id="executions">
        {query.error && executions.length === 0 ? (
          <Failure error={query.error} retry={() => void query.refetch()} />
        ) : query.isPending ? (
          <Loading label="Loading executions" className="flex flex-col gap-px">
            <Skeletons count={12} className="mx-3 my-3 h-6" />
          </Loading>
        ) : executions.length === 0 ? (
          <Empty
            icon={Play}
            title={
              words
                ? "No execution of a task with this title"
                : status === "all"
                  ? "No execution yet"
                  : `No execution is ${statusLabel(status).toLowerCase()}`
            }
            action={
              status === "all" &&
              !words && (
                <AppLink href="/projects" className={buttonClass("primary")}>
                  Go to the projects
                </AppLink>
              )
            }
          >
            {words
              ? "Change the search or the status."
              : status === "all"
                ? "An execution is one run of a task by a squad. Start one from a task on a project's board."
                : "Choose another status above."}
          </Empty>
        ) : (
          <ul className={clsx("divide-y divide-line", query.isPlaceholderData && "opacity-60")}>
            {executions.map((execution) => (
              <ExecutionRow key={execution.id} execution={execution} />
            ))}
          </ul>
        )}
      </Panel>
      {query.hasNextPage && (
        <Button className="mt-3" busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          Show older
        </Button>
      )}
    </>
  );
}
