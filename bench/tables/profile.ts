import { type BenchRow, judged, round } from "../harness/row.ts";
import { readProfile } from "../load/profile.ts";
import { playProfile } from "../load/run.ts";
import { quantile, sortedDurations } from "../load/summary.ts";
import type { BenchMuster } from "../support/start-bench-muster.ts";

const group = "Load profile";

/** The seed's stages with mixed reads and writes: what the clients saw, and what Muster itself counted. */
export async function profileTable(options: {
  muster: BenchMuster;
  /** Of the 16 minutes. */
  scale: number;
  log: (line: string) => void;
}): Promise<BenchRow[]> {
  const { muster, scale } = options;
  options.log(`Load profile: ${round(scale * 960)} s, up to 200 users`);
  const before = await muster.cost();
  const { result, statistics } = await playProfile({
    profile: readProfile("mixed"),
    origin: muster.url ?? "",
    apiKeys: muster.seeded?.apiKeys ?? [],
    scale,
    processes: 1,
    seed: 1,
  });
  const after = await muster.cost();
  const api = sortedDurations(statistics.filter((each) => each.kind === "api"));
  const [p95, p99] = [quantile(api, 0.95), quantile(api, 0.99)];
  const failed = statistics.reduce((sum, each) => sum + each.failed, 0);
  const { server } = result;
  const perRequest = (ms: number) => round((ms * 1000) / Math.max(1, result.requests));
  const load = `${round(result.requests)} requests in ${round(result.seconds)} s`;
  const cpu = `${perRequest(after.nodeMs - before.nodeMs)} µs CPU per request in Node, ${perRequest(after.postgresMs - before.postgresMs)} in PostgreSQL`;
  const row = (metric: string, target: string, figure: string, note: string, met: boolean) =>
    judged({ group, metric, floor: null, target, figure, note }, met);
  const rows = [
    row("API p95", "< 50 ms (seed < 200)", `${round(p95)} ms`, `at the client; ${load}`, p95 < 50),
    row("API p99", "< 100 ms (seed < 500)", `${round(p99)} ms`, `at the client; ${cpu}`, p99 < 100),
    row("errors", "0 (seed < 0.1 %)", String(failed), result.problems[0] ?? "", failed === 0),
  ];
  if (server === null) return rows;
  const average = server.queryAverageMs ?? Number.NaN;
  const wait = server.poolWaitP99Ms ?? Number.NaN;
  const ratio = (server.cacheRatio ?? Number.NaN) * 100;
  return [
    ...rows,
    row(
      "database query, average",
      "< 2 ms (seed < 50)",
      `${round(average)} ms`,
      `${round(server.queries)} statements, Muster's own /metrics`,
      average < 2,
    ),
    row("connection wait, p99", "< 20 ms", `${round(wait)} ms`, "Muster's own /metrics", wait < 20),
    row(
      "cache hit ratio",
      "> 90 % (seed > 80)",
      `${round(ratio)} %`,
      "of cacheable API reads; short profiles have more first reads",
      ratio > 90,
    ),
    row(
      "p95 and p99 by Muster's own /metrics",
      "agree with the client's",
      `${round(server.p95Ms ?? Number.NaN)} / ${round(server.p99Ms ?? Number.NaN)} ms`,
      `${server.requests} requests, ${server.errors} errors; without the time on the wire, from histogram buckets`,
      server.errors === 0 && (server.p95Ms ?? 0) <= p95 * 1.5 + 5,
    ),
  ];
}
