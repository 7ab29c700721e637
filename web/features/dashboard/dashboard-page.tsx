"use client";
import { skipToken, useQuery, useQueryClient } from "@tanstack/react-query";
import { CirclePlus, Hand, Play } from "lucide-react";
import dynamic from "next/dynamic";
import { use } from "react";
import type { Dashboard } from "#contracts";
import { NewTask } from "../../components/shell/new-task.ts";
import { Page } from "../../components/shell/page.tsx";
import { AppLink } from "../../components/ui/app-link.tsx";
import { Button, buttonClass } from "../../components/ui/button.tsx";
import { Panel } from "../../components/ui/panel.tsx";
import { Empty, Failure, Loading, Skeleton } from "../../components/ui/states.tsx";
import type { ConnectionState } from "../../lib/follow-stream.ts";
import { changesStateKey, queries } from "../../lib/queries.ts";
import { ExecutionRow } from "../executions/execution-row.tsx";
import { LiveExecutionRow } from "../executions/live-execution-row.tsx";
import { NotificationLine } from "../notifications/notification-line.tsx";
import { SquadLine } from "../squads/squad-line.tsx";
import { Figures } from "./figures.tsx";

// Of a new installation alone; as tall as they are.
const FirstSteps = dynamic(() => import("./first-steps.tsx").then((module) => module.FirstSteps), {
  ssr: false,
  loading: () => <div className="h-116 md:h-45.5" />,
});
const ApprovalRow = dynamic(() => import("./approval-row.tsx").then((module) => module.ApprovalRow), {
  ssr: false,
  loading: () => <li className="h-13" />,
});

/** Live rows that show what is said right now: each holds a connection, the page itself another, and a browser has six. */
const followedRows = 1;
const liveRefreshMs = 5000;

/** `/`: what runs, what it says, what it costs, and what needs me. */
export function DashboardPage() {
  const newTask = use(NewTask);
  const changes = useQuery<ConnectionState>({ queryKey: changesStateKey, queryFn: skipToken });
  // Only while the stream of changes is down, and something runs, the figures are read anew again and again.
  const down = changes.data === "reconnecting" || changes.data === "refused" || changes.data === "gone";
  const { data, error, refetch } = useQuery({
    ...queries.dashboard(),
    refetchInterval: (query) => (down && hasLive(query.state.data) ? liveRefreshMs : false),
  });
  return (
    <Page
      title="Dashboard"
      actions={
        <>
          <AppLink href="/squads/new" className={buttonClass()}>
            <CirclePlus aria-hidden className="size-4" />
            New squad
          </AppLink>
          <Button icon={<CirclePlus aria-hidden className="size-4" />} onClick={newTask}>
            New task
          </Button>
        </>
      }
    >
      {error && !data ? (
        <Failure error={error} retry={() => void refetch()} />
      ) : data ? (
        <Content data={data} />
      ) : (
        <DashboardSkeleton />
      )}
    </Page>
  );
}

function hasLive(data: Dashboard | undefined): boolean {
  return data !== undefined && data.liveCounts.running + data.liveCounts.queued > 0;
}

function Content({ data }: { data: Dashboard }) {
  const client = useQueryClient();
  const read = async (id: string) => (await import("../notifications/mark-read.ts")).markRead(client, [id]);
  const { liveCounts, liveExecutions, awaitingApproval, recentExecutions, squads, notifications } = data;
  const live = new Set([...liveExecutions, ...awaitingApproval].map((execution) => execution.id));
  const recent = recentExecutions.filter((execution) => !live.has(execution.id));
  const fresh = recentExecutions.length === 0;
  return (
    <div className="flex flex-col gap-4">
      <Figures counts={liveCounts} spend={data.spend} />
      {awaitingApproval.length > 0 && (
        <Panel
          className="border-attention/45"
          title={
            <span className="flex items-center gap-2 text-attention">
              <Hand aria-hidden className="size-4" />
              Waits for your approval
            </span>
          }
          action={
            liveCounts.awaitingApproval > awaitingApproval.length && (
              <MoreLink href="/executions?status=awaiting_approval" label={`All ${liveCounts.awaitingApproval}`} />
            )
          }
        >
          <ul className="divide-y divide-line">
            {awaitingApproval.map((execution) => (
              <ApprovalRow key={execution.id} execution={execution} />
            ))}
          </ul>
        </Panel>
      )}
      {fresh && <FirstSteps hasSquad={squads.total > 0} />}
      <div className="grid items-start gap-4 xl:grid-cols-[minmax(0,1fr)_22rem]">
        <div className="flex min-w-0 flex-col gap-4">
          <Panel
            title="Running now"
            action={liveCounts.running > 0 && <MoreLink href="/executions?status=running" label="All running" />}
          >
            {liveExecutions.length === 0 ? (
              <NothingRuns fresh={fresh} />
            ) : (
              <ul className="divide-y divide-line">
                {liveExecutions.map((execution, index) => (
                  <LiveExecutionRow key={execution.id} execution={execution} follow={index < followedRows} />
                ))}
              </ul>
            )}
          </Panel>
          {recent.length > 0 && (
            <Panel title="Recent executions" action={<MoreLink href="/executions" label="All executions" />}>
              <ul className="divide-y divide-line">
                {recent.map((execution) => (
                  <ExecutionRow key={execution.id} execution={execution} />
                ))}
              </ul>
            </Panel>
          )}
        </div>
        <div className="flex min-w-0 flex-col gap-4">
          {squads.total > 0 && (
            <Panel title="Squads" action={<MoreLink href="/squads" label={`All ${squads.total}`} />}>
              <ul className="divide-y divide-line">
                {squads.data.map((squad) => (
                  <SquadLine key={squad.id} squad={squad} />
                ))}
              </ul>
            </Panel>
          )}
          <Panel title="Notifications" action={<MoreLink href="/notifications" label="All notifications" />}>
            {notifications.data.length === 0 ? (
              <p className="px-3 py-6 text-center text-muted">
                Nothing new. What ends, fails or needs you is told here.
              </p>
            ) : (
              <ul className="divide-y divide-line">
                {notifications.data.slice(0, 6).map((notification) => (
                  <NotificationLine
                    key={notification.id}
                    notification={notification}
                    onOpen={notification.readAt ? undefined : () => void read(notification.id)}
                  />
                ))}
              </ul>
            )}
          </Panel>
        </div>
      </div>
    </div>
  );
}

function NothingRuns({ fresh }: { fresh: boolean }) {
  return (
    <Empty
      icon={Play}
      title="Nothing is running"
      className="py-9"
      // Before the first run the steps above say what is next.
      action={
        !fresh && (
          <AppLink href="/projects" className={buttonClass("secondary")}>
            Choose a task
          </AppLink>
        )
      }
    >
      {fresh
        ? "What a squad works on, says and costs is seen here while it happens."
        : "Start a task from a project board and watch the squad work here."}
    </Empty>
  );
}

function MoreLink({ href, label }: { href: string; label: string }) {
  return (
    <AppLink href={href} className="rounded text-muted text-xs hover:text-ink pointer-coarse:py-2.75">
      {label}
    </AppLink>
  );
}

function DashboardSkeleton() {
  return (
    <Loading label="Loading the dashboard" className="flex flex-col gap-4">
      <Skeleton className="h-[15rem] rounded-lg sm:h-[10.25rem] lg:h-[5.625rem]" />
      <div className="grid gap-4 xl:grid-cols-[minmax(0,1fr)_22rem]">
        <div className="flex flex-col gap-4">
          <Skeleton className="h-60 rounded-lg sm:h-55" />
          <Skeleton className="h-80 rounded-lg" />
        </div>
        <Skeleton className="h-96 rounded-lg" />
      </div>
    </Loading>
  );
}
