import type { RowGroup } from "../harness/groups.ts";
import { type BenchRow, judged, round, unmeasured } from "../harness/row.ts";
import { type LoadResult, playProfile } from "../load/play-profile.ts";
import { readProfile } from "../load/profile.ts";
import { type ServerFigures, slowQueryMs } from "../load/server-figures.ts";
import { quantile, type RequestStatistics, sortedDurations } from "../load/summary.ts";
import type { Cost } from "../support/start-bench-muster.ts";
import type { LoadTarget } from "../support/start-topology.ts";

/** The seed's stages with mixed reads and writes: what the clients saw, and what Muster itself counted. */
export async function profileTable(options: {
  target: LoadTarget;
  group: RowGroup;
  /** Of the 16 minutes. */
  scale: number;
  log: (line: string) => void;
}): Promise<BenchRow[]> {
  const { target, group, scale } = options;
  options.log(`${group}: ${round(scale * 960)} s, up to 200 users`);
  const usage = await usageSince(target);
  const played = await playProfile({ ...target, profile: readProfile("mixed"), scale, processes: 1, seed: 1 });
  return profileRows({ group, ...played, used: await usage() });
}

/** What the target used since: CPU, and the time that PostgreSQL worked at statements. */
export interface Usage extends Cost {
  databaseActiveMs: number;
}

/** Starts to count; the function it gives tells what was used since. Null for a server elsewhere. */
export async function usageSince(target: LoadTarget): Promise<() => Promise<Usage | null>> {
  const read = async () => {
    const [cost, databaseActiveMs] = await Promise.all([target.cost?.(), target.databaseActiveMs?.()]);
    return cost && databaseActiveMs !== undefined ? { ...cost, databaseActiveMs } : null;
  };
  const before = await read();
  return async () => {
    const after = await read();
    if (before === null || after === null) return null;
    return {
      nodeMs: after.nodeMs - before.nodeMs,
      postgresMs: after.postgresMs - before.postgresMs,
      databaseActiveMs: after.databaseActiveMs - before.databaseActiveMs,
    };
  };
}

/** The rows of one played profile. */
export function profileRows(options: {
  group: RowGroup;
  result: LoadResult;
  statistics: readonly RequestStatistics[];
  /** By all processes meanwhile; null where it is not known. */
  used: Usage | null;
}): BenchRow[] {
  const { group, result, statistics, used } = options;
  const api = sortedDurations(statistics.filter((each) => each.kind === "api"));
  const [p95, p99] = [quantile(api, 0.95), quantile(api, 0.99)];
  const failed = statistics.reduce((sum, each) => sum + each.failed, 0);
  const { server } = result;
  const perRequest = (ms: number) => round((ms * 1000) / Math.max(1, result.requests));
  const load = `${round(result.requests)} requests in ${round(result.seconds)} s`;
  const cpu =
    used === null
      ? ""
      : `; ${perRequest(used.nodeMs)} µs CPU per request in Node, ${perRequest(used.postgresMs)} in PostgreSQL`;
  const late = `; the load's own event loop was ${round(result.loadLateP99Ms)} ms late (p99)${result.loadIsFirst ? ", with the CPU before Muster" : ""}`;
  const row = (metric: string, target: string, figure: string, note: string, met: boolean) =>
    judged({ group, metric, floor: null, target, figure, note }, met);
  const rows = [
    row("API p95", "< 50 ms (seed < 200)", `${round(p95)} ms`, `at the client; ${load}${late}`, p95 < 50),
    row("API p99", "< 100 ms (seed < 500)", `${round(p99)} ms`, `at the client${cpu}`, p99 < 100),
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
    slowQueriesRow(group, server),
    row("connection wait, p99", "< 20 ms", `${round(wait)} ms`, "Muster's own /metrics", wait < 20),
    row(
      "cache hit ratio",
      "> 90 % (seed > 80)",
      `${round(ratio)} %`,
      "of cacheable API reads; short profiles have more first reads",
      ratio > 90,
    ),
    ...agreementRows(group, { p95, p99, failed, requests: api.length }, server),
    ...(used === null ? [] : [queryAgreementRow(group, used.databaseActiveMs, server)]),
  ];
}

/** No statement of the whole profile may take longer than 50 ms: how many did, and which. */
export function slowQueriesRow(group: RowGroup, server: Pick<ServerFigures, "slowQueries" | "queries">): BenchRow {
  const metric = `database queries over ${slowQueryMs} ms`;
  if (server.slowQueries === null) return unmeasured(group, metric, "0", "/metrics has no such bucket");
  const count = server.slowQueries.reduce((sum, each) => sum + each.count, 0);
  const named = server.slowQueries.slice(0, 5).map((each) => `${each.query} ${round(each.count)}`);
  const note = [`of ${round(server.queries)}, Muster's own /metrics`, ...named].join("; ");
  return judged({ group, metric, floor: null, target: "0", figure: round(count), note }, count === 0);
}

/** Percentiles from a histogram's buckets are off by up to a bucket, and the way through the client's sockets comes on top. */
const withinFactor = 1.5;
const withinMs = 5;
/** Health checks, the scrapes themselves and what users read before they begin are counted by the server alone. */
const requestsWithin = 0.15;

/** Muster counts a statement from its sending to its last row: the way there and back and the wait for its own CPU come on top. */
const queryWithinMs = 1;

/** Whether Muster's average of a statement and PostgreSQL's own count of the time it worked tell the same. */
export function queryAgreementRow(
  group: RowGroup,
  activeMs: number,
  server: Pick<ServerFigures, "queries" | "queryAverageMs">,
): BenchRow {
  const own = server.queryAverageMs ?? Number.NaN;
  const seen = activeMs / server.queries;
  return judged(
    {
      group,
      metric: "agreement: query average",
      floor: null,
      target: `≤ ${withinFactor} × + ${queryWithinMs} ms apart, either way`,
      figure: `${round(own)} ms by /metrics, ${round(seen)} ms by PostgreSQL`,
      note: "PostgreSQL's: active_time of pg_stat_database for each statement",
    },
    own <= seen * withinFactor + queryWithinMs && seen <= own * withinFactor + queryWithinMs,
  );
}

/** Whether the load tool and Muster's own `/metrics` tell the same. */
export function agreementRows(
  group: RowGroup,
  client: { p95: number; p99: number; failed: number; requests: number },
  server: Pick<ServerFigures, "p95Ms" | "p99Ms" | "errors" | "requests">,
): BenchRow[] {
  const row = (metric: string, target: string, figure: string, note: string, met: boolean) =>
    judged({ group, metric: `agreement: ${metric}`, floor: null, target, figure, note }, met);
  const time = (metric: string, own: number | null, seen: number) =>
    row(
      metric,
      `≤ ${withinFactor} × + ${withinMs} ms apart, either way`,
      `${round(own ?? Number.NaN)} ms by /metrics, ${round(seen)} ms at the client`,
      "from histogram buckets, without the time on the wire",
      own !== null && own <= seen * withinFactor + withinMs && seen <= own * withinFactor + withinMs,
    );
  return [
    time("p95", server.p95Ms, client.p95),
    time("p99", server.p99Ms, client.p99),
    row(
      "requests",
      `within ${requestsWithin * 100} %`,
      `${round(server.requests)} by /metrics, ${round(client.requests)} at the client`,
      "what users read before they begin is counted by /metrics alone",
      Math.abs(server.requests - client.requests) <= requestsWithin * client.requests,
    ),
    row(
      "errors",
      "the same",
      `${server.errors} by /metrics, ${client.failed} at the client`,
      "",
      server.errors === client.failed,
    ),
  ];
}
