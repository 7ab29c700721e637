"use client";
import { useQuery } from "@tanstack/react-query";
import { AppLink } from "../../components/ui/app-link.tsx";
import { Skeleton } from "../../components/ui/states.tsx";
import { messageOf } from "../../lib/api.ts";
import { queries } from "../../lib/queries.ts";
import { BudgetLine } from "./budget-line.tsx";

/** The budget of all squads together: how much of it is used, or where to set one. Of one height, whatever it says. */
export function MonthBudget() {
  const { data, error } = useQuery({ ...queries.firstBudget(), staleTime: 5000 });
  const whole = data?.data.find((budget) => budget.level === "instance");
  return (
    <section
      aria-label="Budget"
      className="flex h-14 flex-col justify-center rounded-lg border border-line bg-surface px-4"
    >
      {whole ? (
        <BudgetLine budget={whole} name="Budget" />
      ) : data ? (
        <p className="flex items-center justify-between gap-3">
          <span className="truncate text-muted">No budget for all squads together</span>
          <AppLink
            href="/settings?part=budgets"
            className="shrink-0 rounded text-muted text-xs hover:text-ink pointer-coarse:-my-2.75 pointer-coarse:py-2.75"
          >
            Set a budget
          </AppLink>
        </p>
      ) : error ? (
        <p role="alert" className="truncate text-muted">
          The budget could not be read: {messageOf(error)}
        </p>
      ) : (
        <Skeleton className="h-7" />
      )}
    </section>
  );
}
