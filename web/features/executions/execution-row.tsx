import type { ExecutionListItem } from "#contracts";
import { AppLink } from "../../components/ui/app-link.tsx";
import { Moment } from "../../components/ui/moment.tsx";
import { StatusIcon, statusLabel } from "../../components/ui/status.tsx";
import { formatCost, formatCount } from "../../lib/format.ts";
import { WorkTime } from "./work-time.tsx";

/** One execution in a list: what, by whom, how far, how long, how much. */
export function ExecutionRow({ execution }: { execution: ExecutionListItem }) {
  const { status } = execution;
  return (
    <li className="@container [contain-intrinsic-size:auto_3.125rem] [content-visibility:auto]">
      <AppLink
        href={`/executions/${execution.id}`}
        className="grid min-h-12 grid-cols-[auto_minmax(0,1fr)_auto] items-center gap-x-3 px-3 py-1.5 -outline-offset-2 hover:bg-hover @2xl:grid-cols-[auto_minmax(0,1fr)_7rem_5rem_6rem]"
      >
        <StatusIcon status={status} />
        <span className="min-w-0">
          <span className="block truncate font-medium">{execution.taskTitle}</span>
          <span className="block truncate text-faint text-xs">
            {execution.squadName} · {statusLabel(status)}
            {execution.deferred && " · Deferred"}
            {execution.stepsTotal > 0 && ` · ${execution.stepsEnded} of ${execution.stepsTotal} steps`}
          </span>
        </span>
        <span className="tabular hidden text-right text-muted text-xs @2xl:block">
          {formatCount(execution.inputTokens + execution.outputTokens)} tokens
        </span>
        <span className="tabular hidden text-right text-muted text-xs @2xl:block">
          <WorkTime execution={execution} />
        </span>
        <span className="tabular text-right text-xs">
          <span className="block font-medium">{formatCost(execution.costNanoUsd, execution.costIncomplete)}</span>
          <Moment iso={execution.createdAt} className="text-faint" />
        </span>
      </AppLink>
    </li>
  );
}
