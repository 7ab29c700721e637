/** The times one can look at. */
export const ranges = {
  today: "Today",
  week: "Last 7 days",
  month: "This month",
  "last-month": "Last month",
  quarter: "Last 90 days",
} as const;
export type RangeName = keyof typeof ranges;

const dayMs = 86_400_000;
const isoDay = (time: number) => new Date(time).toISOString().slice(0, 10);

/** First day and the day after the last of a range, in UTC as the API counts. */
export function rangeDates(range: RangeName, now: Date): { from: string; to: string } {
  const today = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate());
  const tomorrow = isoDay(today + dayMs);
  const month = (offset: number) => isoDay(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + offset, 1));
  switch (range) {
    case "today":
      return { from: isoDay(today), to: tomorrow };
    case "week":
      return { from: isoDay(today - 6 * dayMs), to: tomorrow };
    case "quarter":
      return { from: isoDay(today - 89 * dayMs), to: tomorrow };
    case "last-month":
      return { from: month(-1), to: month(0) };
    default:
      return { from: month(0), to: month(1) };
  }
}

/** All days from `from` (included) to `to` (not), so that days without a call have their place too. */
export function daysBetween(from: string, to: string): string[] {
  const days: string[] = [];
  for (let time = Date.parse(`${from}T00:00:00Z`); time < Date.parse(`${to}T00:00:00Z`); time += dayMs)
    days.push(isoDay(time));
  return days;
}
