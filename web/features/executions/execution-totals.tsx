"use client";
import clsx from "clsx";
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

const Connection = dynamic(() => import("./connection.tsx"), {
  ssr: false,
  loading: () => <span className="w-9.5 sm:w-32" />,
});
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
  const lost = isLost(following);
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
      <div className={clsx("flex min-h-19.5 items-center", lost && "max-sm:flex-wrap")}>
        <dl
          className={clsx(
            "edge-fade no-scrollbar flex min-w-0 flex-1 items-stretch gap-x-7 overflow-x-auto px-4 py-2.5",
            lost && "max-sm:basis-full",
          )}
        >
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
            pressed
            value={
              <button type="button" className={pressedClass} onClick={() => void openTask()}>
                Open
              </button>
            }
          />
          <Total
            label="Squad"
            pressed={execution.squadId !== null}
            value={
              execution.squadId ? (
                <AppLink href={`/squads/${execution.squadId}`} className={pressedClass}>
                  {execution.squad.name}
                </AppLink>
              ) : (
                execution.squad.name
              )
            }
          />
        </dl>
        {!over && <Connection {...following} lost={lost} />}
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

/** A value that is pressed: for a finger its place reaches over its label, which is part of it. */
const pressedClass =
  "block max-w-48 truncate rounded hover:underline pointer-coarse:-my-4.5 pointer-coarse:py-4.5 pointer-coarse:min-w-10 text-left";

interface TotalProps {
  label: string;
  value: React.ReactNode;
  pressed?: boolean;
  children?: React.ReactNode;
}

function Total({ label, value, pressed = false, children }: TotalProps) {
  return (
    <div className="shrink-0">
      <dt className="text-faint text-xs">{label}</dt>
      <dd className={clsx("tabular max-w-48 font-semibold text-base", !pressed && "truncate")}>{value}</dd>
      {children && <dd className="tabular text-faint text-xs">{children}</dd>}
    </div>
  );
}

/** The line is down: what is shown may be old. */
function isLost({ state }: Following): boolean {
  return state === "reconnecting" || state === "gone" || state === "refused";
}
