"use client";
import { RadioTower, Unplug } from "lucide-react";
import dynamic from "next/dynamic";
import { useRef } from "react";
import type { EndReason, Execution, ExecutionStatus, TaskAnswer } from "#contracts";
import { AppLink } from "../../components/ui/app-link.tsx";
import { Meter } from "../../components/ui/meter.tsx";
import { Elapsed } from "../../components/ui/moment.tsx";
import { apiGet } from "../../lib/api.ts";
import { isTerminal } from "../../lib/execution-status.ts";
import { formatCost, formatCount, formatDuration, formatMoney } from "../../lib/format.ts";
import { toastError } from "../../lib/toast.ts";
import { useGo } from "../../lib/use-route.ts";
import type { Following } from "./use-follow.ts";

const DeferredNote = dynamic(() => import("../batch-jobs/deferred-note.tsx"), { ssr: false });

const reasons: Partial<Record<EndReason, string>> = {
  budget_exceeded: "The budget did not allow the next call. Raise it and retry: what is done is kept.",
  step_limit: "It reached its limit of steps.",
  llm_call_limit: "It reached its limit of LLM calls.",
  tool_call_limit: "It reached its limit of tool calls.",
  time_limit: "It reached its limit of working time.",
  plan_invalid: "The lead did not come to a plan that can be run.",
  step_failed: "A step failed.",
  provider_failed: "The model's provider failed.",
  no_progress: "It was stopped because it made no progress.",
  internal_error: "Something went wrong inside Muster.",
};

/** What it costs and how far it is, ticking; why it ended, when not by being done. */
export function ExecutionTotals({ execution, following }: { execution: Execution; following: Following }) {
  const { totals, budget, steps, startedAt, status } = execution;
  const over = isTerminal(status);
  const ended = steps.filter((step) => step.endedAt).length;
  const worked = useWorked(totals.workedMs, status);
  const go = useGo();
  const openTask = async () => {
    try {
      const { task } = await apiGet<TaskAnswer>(`/api/v1/tasks/${execution.taskId}`);
      go(`/projects/${task.projectId}?task=${task.id}`);
    } catch (error) {
      toastError("The task cannot be shown", error);
    }
  };
  const reason = execution.endReason ? reasons[execution.endReason] : undefined;
  return (
    <div className="shrink-0 rounded-lg border border-line bg-surface">
      <div className="flex min-h-19.5 items-center">
        <dl className="edge-fade no-scrollbar flex min-w-0 flex-1 items-stretch gap-x-7 overflow-x-auto px-4 py-2.5">
          <Total label="Cost" value={formatCost(totals.costNanoUsd, totals.costIncomplete)}>
            {budget && (
              <span className="flex items-center gap-1.5">
                <Meter
                  label="Budget used"
                  value={budget.spentNanoUsd + budget.reservedNanoUsd}
                  limit={budget.limitNanoUsd}
                  className="w-12"
                />
                of {formatMoney(budget.limitNanoUsd)}
              </span>
            )}
          </Total>
          <Total label="Steps" value={`${ended} of ${steps.length}`} />
          <Total
            label="Time"
            value={
              !startedAt ? (
                "not started"
              ) : status === "running" ? (
                <Elapsed from={new Date(worked.atMs - worked.ms).toISOString()} to={null} />
              ) : (
                formatDuration(worked.ms)
              )
            }
          />
          <Total label="Tokens in" value={formatCount(totals.inputTokens)} />
          <Total label="Tokens out" value={formatCount(totals.outputTokens)} />
          <Total label="LLM calls" value={formatCount(totals.llmCalls)} />
          <Total label="Tool calls" value={formatCount(totals.toolCalls)} />
          <Total
            label="Task"
            value={
              <button type="button" className="rounded hover:underline" onClick={() => void openTask()}>
                Open
              </button>
            }
          />
          <Total
            label="Squad"
            value={
              execution.squadId ? (
                <AppLink href={`/squads/${execution.squadId}`} className="hover:underline">
                  {execution.squad.name}
                </AppLink>
              ) : (
                execution.squad.name
              )
            }
          />
        </dl>
        {!over && <Connection {...following} />}
      </div>
      {execution.deferred && !over && <DeferredNote execution={execution} />}
      {over && status !== "completed" && (execution.error || reason) && (
        <p role="status" className="border-line border-t px-4 py-2 text-bad [overflow-wrap:anywhere]">
          {reason} {execution.error !== reason && execution.error}
        </p>
      )}
    </div>
  );
}

/**
 * How long it has worked, without waits for people and for a retry: what the answer told, and from then on what is seen to
 * run here, since events tell of a new status but not of the time.
 */
function useWorked(toldMs: number, status: ExecutionStatus) {
  const known = useRef({ toldMs, status, atMs: 0, ms: toldMs });
  const was = known.current;
  if (was.atMs === 0 || was.toldMs !== toldMs || was.status !== status) {
    const atMs = Date.now();
    const ranMs = was.status === "running" && was.atMs > 0 ? atMs - was.atMs : 0;
    known.current = { toldMs, status, atMs, ms: was.toldMs === toldMs ? was.ms + ranMs : toldMs };
  }
  return known.current;
}

function Total({ label, value, children }: { label: string; value: React.ReactNode; children?: React.ReactNode }) {
  return (
    <div className="shrink-0">
      <dt className="text-faint text-xs">{label}</dt>
      <dd className="tabular max-w-48 truncate font-semibold text-base">{value}</dd>
      {children && <dd className="tabular text-faint text-xs">{children}</dd>}
    </div>
  );
}

const connectionWords = {
  connecting: "Connecting",
  live: "Live",
  reconnecting: "Reconnecting",
  gone: "Not there any more",
  refused: "Not live",
} as const;

/** Whether what is shown ticks. Only what has ended says nothing: as long as it runs, silence would pass for news. */
function Connection({ state, retry }: Following) {
  if (state === null || state === "ended") return null;
  const lost = state !== "live" && state !== "connecting";
  const Icon = lost ? Unplug : RadioTower;
  return (
    <span
      role="status"
      className={`flex w-32 shrink-0 flex-wrap items-center gap-1.5 pl-4 text-xs ${lost ? "text-attention" : "text-faint"}`}
    >
      <Icon aria-hidden className="size-3.5" />
      {connectionWords[state]}
      {state === "refused" && (
        <button type="button" onClick={retry} className="rounded font-medium text-accent hover:underline">
          Try again
        </button>
      )}
    </span>
  );
}
