"use client";
import { useState } from "react";
import type { UsageRow } from "#contracts";
import { Tabs } from "../../components/ui/tabs.tsx";
import { formatCost, formatCount } from "../../lib/format.ts";
import { daysBetween } from "./range.ts";

const measures = [
  { name: "cost", label: "Cost" },
  { name: "tokens", label: "Tokens" },
  { name: "calls", label: "Calls" },
] as const;
type Measure = (typeof measures)[number]["name"];

const measureOf: Record<Measure, (row: UsageRow) => number> = {
  cost: (row) => row.costNanoUsd ?? 0,
  tokens: (row) => row.inputTokens + row.outputTokens,
  calls: (row) => row.calls,
};
const formatOf: Record<Measure, (value: number) => string> = {
  cost: (value) => formatCost(value, false),
  tokens: (value) => `${formatCount(value)} tokens`,
  calls: (value) => `${formatCount(value)} calls`,
};

/** A bar for each day. The same figures stand as a table in the group "Day", and here for screen readers. */
export function DayChart({ rows, from, to }: { rows: UsageRow[]; from: string; to: string }) {
  const free = rows.every((row) => !row.costNanoUsd);
  const [measure, setMeasure] = useState<Measure>(free ? "tokens" : "cost");
  const byDay = new Map(rows.map((row) => [row.key?.slice(0, 10), row]));
  const days = daysBetween(from, to).map((day) => {
    const row = byDay.get(day);
    return { day, value: row ? measureOf[measure](row) : 0 };
  });
  const most = Math.max(0, ...days.map((day) => day.value));
  const step = Math.ceil(days.length / 8);
  return (
    <div className="p-3">
      <div className="mb-2 flex flex-wrap items-center justify-between gap-x-2">
        <Tabs label="Measure" tabs={measures} value={measure} onChange={setMeasure} />
        <span className="tabular text-faint text-xs">most in a day: {formatOf[measure](most)}</span>
      </div>
      <div
        role="img"
        aria-label={`${measures.find((one) => one.name === measure)?.label} by day, the most in a day is ${formatOf[measure](most)}. The group Day below has the figures.`}
        className="flex h-44 items-end gap-[2px] border-line border-b"
      >
        {days.map(({ day, value }) => (
          <div
            key={day}
            title={`${day}: ${formatOf[measure](value)}`}
            className="group flex h-full min-w-0 flex-1 items-end"
          >
            <div
              className="w-full rounded-t-xs bg-accent/75 group-hover:bg-accent"
              style={{ height: value === 0 ? 0 : `max(2px, ${(value / most) * 100}%)` }}
            />
          </div>
        ))}
      </div>
      <div aria-hidden className="tabular mt-1 flex gap-[2px] text-2xs text-faint">
        {days.map(({ day }, index) => (
          <span key={day} className="min-w-0 flex-1 overflow-visible whitespace-nowrap">
            {index % step === 0 && index + step <= days.length && (
              <span className={index % (2 * step) === 0 ? "" : "hidden sm:inline"}>{dayLabel(day)}</span>
            )}
          </span>
        ))}
      </div>
    </div>
  );
}

const monthNames = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** "2026-11-24" as "24 Nov"; the day is the server's, in UTC. */
function dayLabel(day: string): string {
  return `${Number(day.slice(8))} ${monthNames[Number(day.slice(5, 7)) - 1]}`;
}
