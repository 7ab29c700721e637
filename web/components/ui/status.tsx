import clsx from "clsx";
import {
  Ban,
  CircleAlert,
  CircleCheck,
  CircleDashed,
  CircleDot,
  CirclePause,
  CircleX,
  Hand,
  LoaderCircle,
  type LucideIcon,
  WalletMinimal,
} from "lucide-react";
import type { ExecutionStatus, SquadStatus, StepStatus, TaskStatus } from "#contracts";
import { sentence } from "../../lib/format.ts";

export type Tone = "neutral" | "accent" | "good" | "attention" | "bad";

const toneText: Record<Tone, string> = {
  neutral: "text-muted",
  accent: "text-accent",
  good: "text-good",
  attention: "text-attention",
  bad: "text-bad",
};
const toneSoft: Record<Tone, string> = {
  neutral: "bg-hover text-muted",
  accent: "bg-accent-soft text-accent",
  good: "bg-good-soft text-good",
  attention: "bg-attention-soft text-attention",
  bad: "bg-bad-soft text-bad",
};

type AnyStatus = ExecutionStatus | StepStatus | TaskStatus | SquadStatus;

const looks: Record<AnyStatus, { icon: LucideIcon; tone: Tone; spin?: boolean; label?: string }> = {
  queued: { icon: CircleDashed, tone: "neutral" },
  pending: { icon: CircleDashed, tone: "neutral" },
  running: { icon: LoaderCircle, tone: "accent", spin: true },
  in_progress: { icon: CircleDot, tone: "accent" },
  paused: { icon: CirclePause, tone: "neutral" },
  awaiting_approval: { icon: Hand, tone: "attention", label: "Needs approval" },
  completed: { icon: CircleCheck, tone: "good" },
  failed: { icon: CircleX, tone: "bad" },
  cancelled: { icon: Ban, tone: "neutral" },
  skipped: { icon: Ban, tone: "neutral" },
  budget_exceeded: { icon: WalletMinimal, tone: "bad", label: "Budget used up" },
  active: { icon: CircleCheck, tone: "good" },
  archived: { icon: CircleAlert, tone: "neutral" },
};

/** What a status is called on screen. */
export function statusLabel(status: AnyStatus): string {
  return looks[status].label ?? sentence(status);
}

/** The status as an icon; named for screen readers unless its label stands beside it. */
export function StatusIcon({
  status,
  named = true,
  className,
}: {
  status: AnyStatus;
  named?: boolean;
  className?: string;
}) {
  const look = looks[status];
  const Icon = look.icon;
  return (
    <Icon
      {...(named ? { role: "img", "aria-label": statusLabel(status) } : { "aria-hidden": true })}
      className={clsx("size-4 shrink-0", toneText[look.tone], look.spin && "animate-spin", className)}
    />
  );
}

/** The status as icon and word. */
export function StatusBadge({ status, className }: { status: AnyStatus; className?: string }) {
  return (
    <Badge tone={looks[status].tone} className={className}>
      <StatusIcon status={status} named={false} className="size-3" />
      {statusLabel(status)}
    </Badge>
  );
}

export function Badge({
  tone = "neutral",
  className,
  children,
}: {
  tone?: Tone;
  className?: string | undefined;
  children: React.ReactNode;
}) {
  return (
    <span
      className={clsx(
        "inline-flex h-5 shrink-0 items-center gap-1 whitespace-nowrap rounded-sm px-1.5 font-medium text-2xs",
        toneSoft[tone],
        className,
      )}
    >
      {children}
    </span>
  );
}
