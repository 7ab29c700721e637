"use client";
import clsx from "clsx";
import { memo, useMemo } from "react";
import type { Execution, ExecutionStep } from "#contracts";
import { Avatar } from "../../components/ui/avatar.tsx";
import { Elapsed } from "../../components/ui/moment.tsx";
import { StatusIcon, statusLabel } from "../../components/ui/status.tsx";
import { formatCost, sentence } from "../../lib/format.ts";
import { layoutPlan, type PlanEdge } from "./plan-layout.ts";

const rowHeight = 52;
const laneWidth = 16;
const left = 14;

interface PlanGraphProps {
  steps: ExecutionStep[];
  members: Execution["squad"]["members"];
  selected: string | null;
  onSelect: (stepId: string | null) => void;
}

/** The plan as a graph that fills as it runs: who does what, in which order, how long, for how much. */
export function PlanGraph({ steps, members, selected, onSelect }: PlanGraphProps) {
  const { nodes, edges, lanes } = useMemo(() => layoutPlan(steps), [steps]);
  const indent = left * 2 + (lanes - 1) * laneWidth + 2;
  return (
    <div className="relative" style={{ height: nodes.length * rowHeight }}>
      <svg
        aria-hidden="true"
        className="pointer-events-none absolute inset-0"
        width={indent}
        height={nodes.length * rowHeight}
      >
        {edges.map((edge) => (
          <path
            key={`${edge.from.step.key}>${edge.to.step.key}`}
            d={edgePath(edge)}
            fill="none"
            strokeWidth={1.5}
            className={edge.from.step.status === "completed" ? "stroke-good/60" : "stroke-line-strong"}
          />
        ))}
      </svg>
      <ol>
        {nodes.map(({ step, row, lane }) => (
          <PlanRow
            key={step.id}
            step={step}
            top={row * rowHeight}
            laneLeft={left + lane * laneWidth}
            indent={indent}
            member={members.find((member) => member.id === step.memberId)}
            selected={selected === step.id}
            onSelect={onSelect}
          />
        ))}
      </ol>
    </div>
  );
}

interface PlanRowProps {
  step: ExecutionStep;
  top: number;
  laneLeft: number;
  indent: number;
  member: Execution["squad"]["members"][number] | undefined;
  selected: boolean;
  onSelect: (stepId: string | null) => void;
}

const PlanRow = memo(function PlanRow({ step, top, laneLeft, indent, member, selected, onSelect }: PlanRowProps) {
  return (
    <li className="absolute inset-x-0" style={{ top, height: rowHeight }}>
      <button
        type="button"
        aria-pressed={selected}
        onClick={() => onSelect(selected ? null : step.id)}
        title={step.error ?? step.title}
        className={clsx("h-full w-full pr-3 text-left -outline-offset-2 hover:bg-hover/70", selected && "bg-hover")}
        style={{ paddingLeft: indent }}
      >
        <span
          className="absolute flex size-5 -translate-x-1/2 items-center justify-center rounded-full bg-surface"
          style={{ left: laneLeft, top: rowHeight / 2 - 10 }}
        >
          <StatusIcon status={step.status} named={false} />
        </span>
        <span className="line-clamp-1 font-medium">{step.title}</span>
        <span className="flex items-center gap-1.5 text-faint text-xs">
          {member && (
            <Avatar name={member.name} role={member.role} picture={member.avatarKey} size={20} className="size-4" />
          )}
          <span className="min-w-0 flex-1 truncate">
            {member?.name ?? sentence(step.kind)}
            <span className="sr-only">, {statusLabel(step.status)}</span>
            {step.attempt > 1 && `, attempt ${step.attempt}`}
          </span>
          {step.startedAt && (step.endedAt || step.status === "running") && (
            <Elapsed from={step.startedAt} to={step.endedAt} className="tabular" />
          )}
          {(step.costNanoUsd > 0 || step.costIncomplete) && (
            <span className="tabular">{formatCost(step.costNanoUsd, step.costIncomplete)}</span>
          )}
        </span>
      </button>
    </li>
  );
});

/** Down the lane of what is needed, then over into the lane of what needs it, just above it. */
function edgePath({ from, to }: PlanEdge): string {
  const x1 = left + from.lane * laneWidth;
  const x2 = left + to.lane * laneWidth;
  const y1 = from.row * rowHeight + rowHeight / 2 + 10;
  const y2 = to.row * rowHeight + rowHeight / 2 - 10;
  if (x1 === x2) return `M${x1} ${y1}V${y2}`;
  // A fan out bends at once, a fan in bends late: so lines run beside the rows between them.
  const bend = Math.min(26, y2 - y1);
  return x2 > x1
    ? `M${x1} ${y1}C${x1} ${y1 + bend * 0.7} ${x2} ${y1 + bend * 0.3} ${x2} ${y1 + bend}V${y2}`
    : `M${x1} ${y1}V${y2 - bend}C${x1} ${y2 - bend * 0.3} ${x2} ${y2 - bend * 0.7} ${x2} ${y2}`;
}
