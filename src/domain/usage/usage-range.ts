import type { Refusal } from "../store.ts";

/** A stretch of time: `from` is in it, `to` is not. */
export interface UsageRange {
  from: Date;
  to: Date;
}

/** Parses the range of a request; what it leaves out is the current UTC month. */
export function parseUsageRange(
  query: { from?: string; to?: string },
  now: Date,
): { outcome: "ok"; range: UsageRange } | Refusal {
  const from =
    query.from === undefined ? new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1)) : new Date(query.from);
  const to = query.to === undefined ? nextMonth(now) : new Date(query.to);
  if (Number.isNaN(from.getTime()) || Number.isNaN(to.getTime())) {
    return { outcome: "validation_failed", detail: "from and to: there is no such date." };
  }
  if (from >= to) return { outcome: "validation_failed", detail: "from must be before to." };
  return { outcome: "ok", range: { from, to } };
}

function nextMonth(now: Date): Date {
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1));
}
