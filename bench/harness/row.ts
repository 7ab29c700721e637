import type { RowGroup } from "./groups.ts";

/** One line of the table: a target beside what was measured. */
export interface BenchRow {
  group: RowGroup;
  metric: string;
  /** The least that the parts allow, measured in the same run; null where there is none. */
  floor: string | null;
  target: string;
  figure: string;
  verdict: "met" | "missed" | "not measured";
  /** CPU per operation, load, what is special. */
  note: string;
}

/** Formats a number with three significant digits and a thin thousands mark. */
export function round(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString("en-US", { maximumFractionDigits: Math.min(digits, 3) });
}

/** The middle of several runs; the mean of the middle two of an even number. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** A row whose verdict is known. */
export function judged(row: Omit<BenchRow, "verdict">, met: boolean): BenchRow {
  return { ...row, verdict: met ? "met" : "missed" };
}

/** A row that could not be measured here, with the reason. */
export function unmeasured(group: RowGroup, metric: string, target: string, why: string): BenchRow {
  return { group, metric, floor: null, target, figure: "–", verdict: "not measured", note: why };
}
