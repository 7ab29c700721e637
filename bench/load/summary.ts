/** What one kind of request did. Times are milliseconds. */
export interface RequestStatistics {
  name: string;
  kind: "api" | "stream";
  durations: number[];
  failed: number;
  /** Right, but later than its check allows. */
  late: number;
}

export interface ThresholdResult {
  metric: string;
  condition: string;
  figure: number;
  passed: boolean;
}

/** The value below which the share `q` of the numbers lies (nearest rank); 0 when there are none. */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  if (sorted.length === 0) return 0;
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))] ?? 0;
}

/** All durations together, sorted. */
export function sortedDurations(statistics: readonly RequestStatistics[]): Float64Array {
  return Float64Array.from(statistics.flatMap((each) => each.durations)).sort();
}

function aggregate(name: string, durations: Float64Array): number {
  const percentile = /^p\((\d+(?:\.\d+)?)\)$/.exec(name)?.[1];
  if (percentile !== undefined) return quantile(durations, Number(percentile) / 100);
  if (name === "med") return quantile(durations, 0.5);
  if (name === "max") return durations.at(-1) ?? 0;
  if (name === "min") return durations[0] ?? 0;
  if (name === "avg")
    return durations.length === 0 ? 0 : durations.reduce((sum, each) => sum + each, 0) / durations.length;
  throw new Error(`${name} is no aggregate`);
}

const comparisons: Record<string, (figure: number, limit: number) => boolean> = {
  "<": (figure, limit) => figure < limit,
  "<=": (figure, limit) => figure <= limit,
  ">": (figure, limit) => figure > limit,
  ">=": (figure, limit) => figure >= limit,
  "==": (figure, limit) => figure === limit,
};

/** Judges conditions in k6's notation (`p(95)<500`, `rate<0.01`) on `http_req_duration`, `http_req_failed` and `checks`. */
export function judge(
  thresholds: Record<string, readonly string[]>,
  statistics: readonly RequestStatistics[],
): ThresholdResult[] {
  return Object.entries(thresholds).flatMap(([metric, conditions]) => {
    const [, name = "", kind] = /^(\w+)(?:\{kind:(\w+)\})?$/.exec(metric) ?? [];
    const chosen = statistics.filter((each) => kind === undefined || each.kind === kind);
    const count = chosen.reduce((sum, each) => sum + each.durations.length, 0);
    const failed = chosen.reduce((sum, each) => sum + each.failed, 0);
    const late = chosen.reduce((sum, each) => sum + each.late, 0);
    const durations = sortedDurations(chosen);
    return conditions.map((condition) => {
      const [, what = "", sign = "", limit = ""] =
        /^(.+?)(<=|>=|==|<|>)([\d.]+)$/.exec(condition.replaceAll(" ", "")) ?? [];
      const compare = comparisons[sign];
      if (compare === undefined) throw new Error(`${condition} is no condition`);
      let figure: number;
      if (name === "http_req_duration") figure = aggregate(what, durations);
      else if (name === "http_req_failed") figure = count === 0 ? 1 : failed / count;
      else if (name === "checks") figure = count === 0 ? 0 : 1 - (failed + late) / count;
      else throw new Error(`${metric} is not measured`);
      return { metric, condition, figure, passed: count > 0 && compare(figure, Number(limit)) };
    });
  });
}

/** A text table with one line per kind of request. */
export function requestTable(statistics: readonly RequestStatistics[], seconds: number): string {
  const rows = statistics.map(({ name, durations, failed }) => {
    const sorted = Float64Array.from(durations).sort();
    const times = [0.5, 0.95, 0.99, 1].map((q) => quantile(sorted, q).toFixed(1).padStart(9));
    const rate = (durations.length / seconds).toFixed(1).padStart(8);
    return `${name.padEnd(18)}${String(durations.length).padStart(8)}${rate}${times.join("")}${String(failed).padStart(8)}`;
  });
  const head = `${"request".padEnd(18)}${"count".padStart(8)}${"/s".padStart(8)}${["p50", "p95", "p99", "max"].map((t) => `${t} ms`.padStart(9)).join("")}${"failed".padStart(8)}`;
  return [head, ...rows].join("\n");
}
