"use client";
import { skipToken, useQuery } from "@tanstack/react-query";
import { CirclePlus, Hand, Play } from "lucide-react";
import dynamic from "next/dynamic";
import type { Dashboard, Spend } from "#contracts";
import { Page } from "../../components/shell/page.tsx";
import { AppLink } from "../../components/ui/app-link.tsx";
import { buttonClass } from "../../components/ui/button.tsx";
import { Meter } from "../../components/ui/meter.tsx";
import { Figure, Panel } from "../../components/ui/panel.tsx";
import { Empty, Failure, Loading, Skeleton } from "../../components/ui/states.tsx";
import type { ConnectionState } from "../../lib/follow-stream.ts";
import { formatMoney, plural } from "../../lib/format.ts";
import { changesStateKey, queries } from "../../lib/queries.ts";
import { ExecutionRow } from "../executions/execution-row.tsx";
import { LiveExecutionRow } from "../executions/live-execution-row.tsx";
import { NotificationLine } from "../notifications/notification-line.tsx";
import { SquadLine } from "../squads/squad-line.tsx";
import { FirstSteps } from "./first-steps.tsx";

const ApprovalRow = dynamic(() => import("./approval-row.tsx").then((module) => module.ApprovalRow), {
  ssr: false,
  loading: () => <li className="h-13" />,
});

/** Live rows that show what is said right now: each holds a connection, the page itself another, and a browser has six. */
const followedRows = 1;
const liveRefreshMs = 5000;

/** `/`: what runs, what it says, what it costs, and what needs me. */
export function DashboardPage() {
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
        <AppLink href="/squads/new" className={buttonClass("secondary")}>
          <CirclePlus aria-hidden className="size-4" />
          New squad
        </AppLink>
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
  return data?.liveExecutions.some((execution) => execution.status !== "paused") ?? false;
}

function Content({ data }: { data: Dashboard }) {
  const { liveExecutions, awaitingApproval, recentExecutions, squads, notifications } = data;
  const live = new Set([...liveExecutions, ...awaitingApproval].map((execution) => execution.id));
  const recent = recentExecutions.filter((execution) => !live.has(execution.id));
  const fresh = squads.total === 0;
  return (
    <div className="flex flex-col gap-4">
      <Figures live={liveExecutions.length} waiting={awaitingApproval.length} spend={data.spend} />
      {awaitingApproval.length > 0 && (
        <Panel
          className="border-attention/45"
          title={
            <span className="flex items-center gap-2 text-attention">
              <Hand aria-hidden className="size-4" />
              Waits for your approval
            </span>
          }
        >
          <ul className="divide-y divide-line">
            {awaitingApproval.map((execution) => (
              <ApprovalRow key={execution.id} execution={execution} />
            ))}
          </ul>
        </Panel>
      )}
      {fresh && <FirstSteps />}
      <div className="grid items-start gap-4 xl:grid-cols-[minmax(0,1fr)_22rem]">
        <div className="flex min-w-0 flex-col gap-4">
          <Panel title="Running now">
            {liveExecutions.length === 0 ? (
              <Empty icon={Play} title="Nothing is running" className="py-9">
                Start a task from a project board and watch the squad work here.
              </Empty>
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
          {!fresh && (
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
                  <NotificationLine key={notification.id} notification={notification} />
                ))}
              </ul>
            )}
          </Panel>
        </div>
      </div>
    </div>
  );
}

function MoreLink({ href, label }: { href: string; label: string }) {
  return (
    <AppLink href={href} className="rounded text-muted text-xs hover:text-ink">
      {label}
    </AppLink>
  );
}

function Figures({ live, waiting, spend }: { live: number; waiting: number; spend: Spend }) {
  const { budget } = spend;
  const unpriced =
    spend.unpricedCallsMonth > 0 ? `+ ${plural(spend.unpricedCallsMonth, "call")} of unknown price` : null;
  return (
    <dl className="grid grid-cols-2 gap-x-4 gap-y-3 rounded-lg border border-line bg-surface px-4 py-3 sm:grid-cols-3 lg:grid-cols-5">
      <Figure label="Running" value={live} />
      <Figure label="Need you" value={waiting} tone={waiting > 0 ? "text-attention" : ""} />
      <Figure label="Spent today" value={formatMoney(spend.todayNanoUsd)} />
      <Figure
        label="Spent this month"
        value={formatMoney(spend.monthNanoUsd)}
        note={budget ? `of ${formatMoney(budget.limitNanoUsd)}` : (unpriced ?? "no budget set")}
      >
        {budget && (
          <Meter
            label="Budget of this month used"
            value={budget.spentNanoUsd + budget.reservedNanoUsd}
            limit={budget.limitNanoUsd}
            className="mt-1.5"
          />
        )}
      </Figure>
      <Figure
        label="Saved by caches"
        value={formatMoney(spend.savedMonthNanoUsd)}
        note="this month"
        tone={spend.savedMonthNanoUsd > 0 ? "text-good" : ""}
      />
    </dl>
  );
}

function DashboardSkeleton() {
  return (
    <Loading label="Loading the dashboard" className="flex flex-col gap-4">
      <Skeleton className="h-[13.875rem] rounded-lg sm:h-[9.125rem] lg:h-[5.625rem]" />
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
