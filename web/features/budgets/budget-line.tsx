import type { Budget } from "#contracts";
import { Meter } from "../../components/ui/meter.tsx";
import { formatMoney } from "../../lib/format.ts";

/** What is spent and reserved of a budget, with its meter. */
export function BudgetLine({ budget, name }: { budget: Budget; name: string }) {
  const used = budget.spentNanoUsd + budget.reservedNanoUsd;
  return (
    <>
      <span className="flex flex-wrap items-baseline justify-between gap-x-3">
        <span className="min-w-0 truncate font-medium">{name}</span>
        <span className="tabular text-muted text-xs">
          {formatMoney(budget.spentNanoUsd)} spent
          {budget.reservedNanoUsd > 0 && `, ${formatMoney(budget.reservedNanoUsd)} reserved`} of{" "}
          {formatMoney(budget.limitNanoUsd)}
          {budget.period === "total" ? " in total" : " this month"}
        </span>
      </span>
      <Meter label={`Budget of ${name} used`} value={used} limit={budget.limitNanoUsd} className="mt-1.5" />
    </>
  );
}
