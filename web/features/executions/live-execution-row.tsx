"use client";
import { useQuery } from "@tanstack/react-query";
import type { Execution, ExecutionListItem } from "#contracts";
import { AppLink } from "../../components/ui/app-link.tsx";
import { Progress } from "../../components/ui/meter.tsx";
import { Elapsed } from "../../components/ui/moment.tsx";
import { StatusIcon, statusLabel } from "../../components/ui/status.tsx";
import { formatCost, formatCount } from "../../lib/format.ts";
import { queries } from "../../lib/queries.ts";
import { useFollow } from "./use-follow.ts";

/** A running execution on the dashboard; when followed, it shows who says what at this moment. */
export function LiveExecutionRow({ execution: item, follow }: { execution: ExecutionListItem; follow: boolean }) {
  const active = follow && item.status === "running";
  const { data } = useQuery({ ...queries.execution(item.id), enabled: active });
  useFollow(active && data ? item.id : null);
  const live = active ? data?.execution : undefined;
  // Of a deferred one nothing streams: its calls are answered together, later.
  const now = live && !item.deferred ? currentWork(live) : null;
  const total = live?.steps.length ?? item.stepsTotal;
  const ended = live ? live.steps.filter((step) => step.endedAt).length : item.stepsEnded;
  return (
    <li>
      <AppLink href={`/executions/${item.id}`} className="block px-3 py-2.5 -outline-offset-2 hover:bg-hover">
        <span className="flex items-center gap-3">
          <StatusIcon status={live?.status ?? item.status} />
          <span className="min-w-0 flex-1 truncate font-medium">{item.taskTitle}</span>
          {item.startedAt && (
            <Elapsed from={item.startedAt} to={null} className="tabular shrink-0 text-muted text-xs" />
          )}
          <span className="tabular w-20 shrink-0 text-right font-medium text-xs">
            {formatCost(
              live?.totals.costNanoUsd ?? item.costNanoUsd,
              live?.totals.costIncomplete ?? item.costIncomplete,
            )}
          </span>
        </span>
        <span className="mt-1 flex items-center gap-3 pl-7">
          <span className="min-w-0 flex-1 truncate text-muted text-xs">
            {now ? (
              <>
                <span className="font-medium">{now.who}</span> {now.text || now.step}
              </>
            ) : (
              `${item.squadName} · ${item.deferred ? "Waits in a batch" : statusLabel(item.status)}`
            )}
          </span>
          <span className="tabular shrink-0 text-faint text-xs">
            {total > 0 ? `${ended}/${total} steps · ` : ""}
            {formatCount(
              live ? live.totals.inputTokens + live.totals.outputTokens : item.inputTokens + item.outputTokens,
            )}{" "}
            tokens
          </span>
        </span>
        <Progress
          label={`Progress of ${item.taskTitle}`}
          ended={ended}
          total={Math.max(1, total)}
          className="mt-2 ml-7"
        />
      </AppLink>
    </li>
  );
}

/** Who works now, on what, and the last words of what is being written. */
function currentWork(execution: Execution): { who: string; step: string; text: string } | null {
  const message = execution.streaming.at(-1);
  const step =
    execution.steps.find((one) => one.id === message?.stepId) ??
    execution.steps.find((one) => one.status === "running");
  const memberId = message?.memberId ?? step?.memberId;
  const member = execution.squad.members.find((one) => one.id === memberId);
  if (!member) return null;
  const text =
    message?.content
      .replace(/[*_`#>|]+/g, "")
      .replace(/\s+/g, " ")
      .trim() ?? "";
  return { who: member.name, step: step?.title ?? "", text: text.length > 160 ? `… ${text.slice(-160)}` : text };
}
