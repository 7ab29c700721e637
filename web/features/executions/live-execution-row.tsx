"use client";
import dynamic from "next/dynamic";
import { useState } from "react";
import type { ExecutionListItem } from "#contracts";
import { AppLink } from "../../components/ui/app-link.tsx";
import { Progress } from "../../components/ui/meter.tsx";
import { StatusIcon, statusLabel } from "../../components/ui/status.tsx";
import { formatCost, formatCount } from "../../lib/format.ts";
import type { LiveNow } from "./follow-now.tsx";
import { WorkTime } from "./work-time.tsx";

const FollowNow = dynamic(() => import("./follow-now.tsx"), { ssr: false });

/** A running execution on the dashboard; when followed, it shows who says what at this moment. */
export function LiveExecutionRow({ execution: item, follow }: { execution: ExecutionListItem; follow: boolean }) {
  const active = follow && item.status === "running";
  const [now, setNow] = useState<LiveNow | null>(null);
  const live = active ? now?.execution : undefined;
  // Of a deferred one nothing streams: its calls are answered together, later.
  const work = live && !item.deferred ? now?.work : null;
  const total = live?.steps.length ?? item.stepsTotal;
  const ended = live ? live.steps.filter((step) => step.endedAt).length : item.stepsEnded;
  return (
    <li>
      {active && <FollowNow id={item.id} onNow={setNow} />}
      <AppLink href={`/executions/${item.id}`} className="block px-3 py-2.5 -outline-offset-2 hover:bg-hover">
        <span className="flex items-center gap-3">
          <StatusIcon status={live?.status ?? item.status} />
          <span className="min-w-0 flex-1 truncate font-medium">{item.taskTitle}</span>
          <WorkTime execution={item} className="tabular shrink-0 text-muted text-xs" />
          <span className="tabular w-20 shrink-0 text-right font-medium text-xs">
            {formatCost(
              live?.totals.costNanoUsd ?? item.costNanoUsd,
              live?.totals.costIncomplete ?? item.costIncomplete,
            )}
          </span>
        </span>
        <span className="mt-1 flex items-center gap-3 pl-7">
          <span className="min-w-0 flex-1 truncate text-muted text-xs">
            {work ? (
              <>
                <span className="font-medium">{work.who}</span> {work.text}
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
