/**
 * The groups of rows that tables make, in the order of docs/performance.md. What docs/performance.json has of another group
 * is of a table that is no longer there, and goes with the next `--write`.
 */
export const benchGroups = [
  "Load profile, short",
  "Load profile, 1 process with the embedded database",
  "Load profile, 2 APIs and 2 workers with PostgreSQL and Redis",
  "Load profile of the seed, 1 process with the embedded database",
  "Load profile of the seed, 2 APIs and 2 workers with PostgreSQL and Redis",
  "API and data",
  "Lists",
  "Overload",
  "Executions",
  "LLM gateway",
  "Start and weight",
  "Pages",
  "Pages, CPU slowed 4 times",
  "Message viewer, 10,000 messages, 50 new a second",
  "Lighthouse, mobile, applied throttling",
  "Cost as work grows",
] as const;

export type BenchGroup = (typeof benchGroups)[number];

/** The group of a row; a profile that was played against somebody's own Muster is shown and never written. */
export type RowGroup = BenchGroup | `Load profile at ${string}`;

/** Where a group stands in the report; -1 when no table makes it (any more). */
export function placeOf(group: string): number {
  const names: readonly string[] = benchGroups;
  return names.indexOf(group);
}
