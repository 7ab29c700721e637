import type { SquadListItem, SquadProcess } from "#contracts";
import { AppLink } from "../../components/ui/app-link.tsx";
import { AvatarStack } from "../../components/ui/avatar.tsx";
import { Meter } from "../../components/ui/meter.tsx";
import { Badge, StatusBadge } from "../../components/ui/status.tsx";
import { formatCost, formatMoney, plural } from "../../lib/format.ts";

export const processNames: Record<SquadProcess, string> = {
  lead: "Led",
  sequential: "In sequence",
  parallel: "In parallel",
};

/** Whether it takes tasks, where it does not, and how much of its work is under way. */
export function SquadState({ squad }: { squad: SquadListItem }) {
  return (
    <span className="flex shrink-0 items-center gap-1">
      {squad.status !== "active" && <StatusBadge status={squad.status} />}
      {squad.liveExecutions > 0 && <Badge tone="accent">{squad.liveExecutions} live</Badge>}
    </span>
  );
}

/** A squad at a glance: what for, who, how it works, what it cost and may cost. */
export function SquadCard({ squad }: { squad: SquadListItem }) {
  const { budget } = squad;
  const spent = formatCost(squad.spentMonthNanoUsd, squad.spentMonthIncomplete);
  return (
    <li className="min-w-0 [contain-intrinsic-size:auto_10.5rem] [content-visibility:auto]">
      <AppLink
        href={`/squads/${squad.id}`}
        className="flex h-42 flex-col rounded-lg border border-line bg-surface p-3.5 shadow-card transition-colors hover:border-line-strong"
      >
        <span className="flex items-start justify-between gap-2">
          <span className="min-w-0 truncate font-semibold text-base">{squad.name}</span>
          <SquadState squad={squad} />
        </span>
        <span className="mt-1 line-clamp-2 min-h-10 text-muted">{squad.goal || "No goal written"}</span>
        <span className="mt-auto flex items-center justify-between gap-2">
          <AvatarStack members={squad.members} />
          <span className="truncate text-faint text-xs">
            {processNames[squad.process]} · {plural(squad.members.length, "member")}
          </span>
        </span>
        <span className="tabular mt-2.5 flex h-4 items-center gap-2 text-muted text-xs">
          {budget ? (
            <>
              <Meter
                label={`Budget of ${squad.name} used`}
                value={budget.spentNanoUsd + budget.reservedNanoUsd}
                limit={budget.limitNanoUsd}
                className="flex-1"
              />
              {budget.period === "month" ? spent : formatMoney(budget.spentNanoUsd)} of{" "}
              {formatMoney(budget.limitNanoUsd)}
            </>
          ) : (
            <>{spent} this month</>
          )}
        </span>
      </AppLink>
    </li>
  );
}
