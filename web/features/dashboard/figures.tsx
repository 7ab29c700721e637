import type { LiveCounts, Spend } from "#contracts";
import { Meter } from "../../components/ui/meter.tsx";
import { Figure } from "../../components/ui/panel.tsx";
import { formatMoney, plural } from "../../lib/format.ts";

/** What runs, what waits, what it cost: the first line of the dashboard. */
export function Figures({ counts, spend }: { counts: LiveCounts; spend: Spend }) {
  const { budget } = spend;
  const unpriced =
    spend.unpricedCallsMonth > 0 ? `+ ${plural(spend.unpricedCallsMonth, "call")} of unknown price` : null;
  return (
    <dl className="grid grid-cols-2 gap-x-4 gap-y-3 rounded-lg border border-line bg-surface px-4 py-3 sm:grid-cols-3 lg:grid-cols-5">
      <Figure label="Running" value={counts.running} note={waitingText(counts)} />
      <Figure
        label="Need you"
        value={counts.awaitingApproval}
        tone={counts.awaitingApproval > 0 ? "text-attention" : ""}
      />
      <Figure label="Spent today" value={formatMoney(spend.todayNanoUsd)} />
      <Figure
        label="Spent this month"
        value={formatMoney(spend.monthNanoUsd)}
        note={budget ? `of ${formatMoney(budget.limitNanoUsd)}` : (unpriced ?? "no budget set")}
      >
        {budget && (
          <>
            <Meter
              label="Budget of this month used"
              value={budget.spentNanoUsd + budget.reservedNanoUsd}
              limit={budget.limitNanoUsd}
              className="mt-1.5"
            />
            {unpriced && <p className="mt-1 text-muted text-xs">{unpriced}</p>}
          </>
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

function waitingText({ queued, paused }: LiveCounts): string {
  const parts = [queued > 0 && `${queued} queued`, paused > 0 && `${paused} paused`].filter(Boolean);
  return parts.length > 0 ? parts.join(" · ") : "none queued";
}
