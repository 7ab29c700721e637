"use client";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { ChartNoAxesColumn, Download } from "lucide-react";
import type { UsageGroup, UsageSummary } from "#contracts";
import { Page } from "../../components/shell/page.tsx";
import { buttonClass } from "../../components/ui/button.tsx";
import { Select } from "../../components/ui/field.tsx";
import { Figure, Panel } from "../../components/ui/panel.tsx";
import { Empty, Failure, Loading, Skeleton } from "../../components/ui/states.tsx";
import { Tabs } from "../../components/ui/tabs.tsx";
import { queryString } from "../../lib/api.ts";
import { formatCost, formatCount, formatMoney, formatPercent, plural } from "../../lib/format.ts";
import { queries } from "../../lib/queries.ts";
import { useHydrated } from "../../lib/use-hydrated.ts";
import { useSearchState } from "../../lib/use-route.ts";
import { MonthBudget } from "../budgets/month-budget.tsx";
import { DayChart } from "./day-chart.tsx";
import { type RangeName, rangeDates, ranges } from "./range.ts";
import { UsageTable } from "./usage-table.tsx";

const groups: { name: UsageGroup; label: string }[] = [
  { name: "squad", label: "Squad" },
  { name: "model", label: "Model" },
  { name: "member", label: "Member" },
  { name: "day", label: "Day" },
];

/** `/usage`: what was used and what it cost, by day and by whatever one asks. */
export function UsagePage() {
  const hydrated = useHydrated();
  const [parameters, setParameters] = useSearchState();
  const range = (Object.keys(ranges).find((name) => name === parameters.get("range")) ?? "month") as RangeName;
  const groupBy = groups.find((group) => group.name === parameters.get("by"))?.name ?? "squad";
  const dates = hydrated ? rangeDates(range, new Date()) : { from: "", to: "" };
  const byDay = useQuery({
    ...queries.usageSummary({ ...dates, groupBy: "day" }),
    enabled: hydrated,
    placeholderData: keepPreviousData,
    staleTime: 5000,
  });
  const grouped = useQuery({
    ...queries.usageSummary({ ...dates, groupBy }),
    enabled: hydrated,
    placeholderData: keepPreviousData,
    staleTime: 5000,
  });
  return (
    <Page
      title="Usage"
      actions={
        <>
          <Select
            aria-label="Time"
            value={range}
            onChange={(event) => setParameters({ range: event.target.value })}
            className="w-auto"
          >
            {Object.entries(ranges).map(([name, label]) => (
              <option key={name} value={name}>
                {label}
              </option>
            ))}
          </Select>
          <a href={`/api/v1/usage/export${queryString(dates)}`} download className={buttonClass("secondary")}>
            <Download aria-hidden className="size-4" />
            CSV
          </a>
        </>
      }
    >
      {byDay.error && !byDay.data ? (
        <Failure error={byDay.error} retry={() => void byDay.refetch()} />
      ) : !byDay.data ? (
        <Loading label="Loading the usage" className="flex flex-col gap-4">
          <Skeleton className="h-[14.375rem] rounded-lg sm:h-[9.375rem] lg:h-[5.625rem]" />
          <Skeleton className="h-14 rounded-lg" />
          <Skeleton className="h-[19.125rem] rounded-lg sm:h-[18.625rem]" />
          <Skeleton className="h-72 rounded-lg" />
        </Loading>
      ) : (
        <div className="flex flex-col gap-4">
          <Totals summary={byDay.data} />
          <MonthBudget />
          {byDay.data.total.calls === 0 ? (
            <Panel>
              <Empty icon={ChartNoAxesColumn} title="No call in this time">
                Every request to a model is counted here with its tokens and price, by squad, model, member and day.
              </Empty>
            </Panel>
          ) : (
            <>
              <Panel title="Cost and tokens by day">
                <DayChart rows={byDay.data.rows} from={dates.from} to={dates.to} />
              </Panel>
              <Panel
                title="Where it went"
                action={
                  <Tabs
                    label="Group by"
                    tabs={groups}
                    value={groupBy}
                    onChange={(name) => setParameters({ by: name })}
                    controls="usage-table"
                  />
                }
              >
                <div id="usage-table">
                  {grouped.error ? (
                    <Failure error={grouped.error} retry={() => void grouped.refetch()} />
                  ) : grouped.data ? (
                    <UsageTable summary={grouped.data} />
                  ) : (
                    // Padding, not a margin of its own: that would move the part's edge until the rows are there.
                    <div className="p-3">
                      <Skeleton className="h-48" />
                    </div>
                  )}
                </div>
              </Panel>
            </>
          )}
        </div>
      )}
    </Page>
  );
}

function Totals({ summary: { total } }: { summary: UsageSummary }) {
  return (
    <dl className="grid grid-cols-2 gap-4 rounded-lg border border-line bg-surface px-4 py-3 sm:grid-cols-3 lg:grid-cols-5">
      <Figure
        label="Cost"
        value={formatCost(total.costNanoUsd, total.unpricedCalls > 0)}
        note={total.unpricedCalls > 0 ? `${plural(total.unpricedCalls, "call")} of unknown price` : "all prices known"}
      />
      <Figure
        label="Calls"
        value={formatCount(total.calls)}
        note={total.calls > 0 ? `${formatPercent(total.cacheHits / total.calls)} from our cache` : null}
      />
      <Figure
        label="Tokens in"
        value={formatCount(total.inputTokens)}
        note={`${formatCount(total.cacheReadTokens)} from prefix caches`}
      />
      <Figure label="Tokens out" value={formatCount(total.outputTokens)} />
      <Figure
        label="Saved by caches"
        value={formatMoney(total.savedNanoUsd)}
        tone={total.savedNanoUsd > 0 ? "text-good" : ""}
      />
    </dl>
  );
}
