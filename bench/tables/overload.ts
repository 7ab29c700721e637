import type { HttpLoad, HttpLoadResult, LoadRequest } from "../harness/http-load.ts";
import { type BenchRow, judged, round } from "../harness/row.ts";
import { serverFigures } from "../load/server-figures.ts";
import type { BenchMuster } from "../support/start-bench-muster.ts";

const group = "Overload";
/** What keeps the process and PostgreSQL busy without refusals; ten times of it is far beyond what is let in at once. */
const fittingConnections = 100;
const times = 10;
const targetMs = 200;

export interface OverloadTableOptions {
  muster: BenchMuster;
  load: HttpLoad;
  full: boolean;
  log: (line: string) => void;
}

/**
 * Lists that no cache answers (each request has a page size and a search of its own), by users in turn: what costs most and
 * can be asked for without limit.
 */
function uncachedRequests(apiKeys: readonly string[], run: number): LoadRequest[] {
  return apiKeys.slice(0, 100).map((key) => ({
    path: `/api/v1/squads?page=1&pageSize=20&search=${run}x{{number}}`,
    headers: { authorization: `Bearer ${key}`, "accept-encoding": "identity" },
  }));
}

/** Accepted requests under 10 times the load that fits, what is said to the others, and the same load afterwards. */
export async function overloadTable(options: OverloadTableOptions): Promise<BenchRow[]> {
  const { muster, load } = options;
  const durationMs = options.full ? 10_000 : 4_000;
  const play = (run: number, connections: number): Promise<HttpLoadResult> =>
    load.run({
      origin: muster.url ?? "",
      requests: uncachedRequests(muster.seeded?.apiKeys ?? [], run),
      connections,
      durationMs,
      // Until new connections are open and a queue is known as one that stands.
      warmUpMs: 5_000,
      // Clients that heed Retry-After only roughly: ten a second each, a hundredth of what it asks for would be a flood of refusals alone.
      refusedPauseMs: 100,
    });
  options.log(
    `Overload: ${fittingConnections} connections, ${fittingConnections * times}, ${fittingConnections} again`,
  );
  const before = await play(1, fittingConnections);
  const scrape = async () => [await (await fetch(`${muster.url}/metrics`)).text()];
  const scraped = await scrape();
  const during = await play(2, fittingConnections * times);
  const server = serverFigures(scraped, await scrape());
  const after = await play(3, fittingConnections);
  const floor = `p95 ${round(before.acceptedP95Ms)} ms, ${round(before.perSecond)} req/s at ${fittingConnections} connections`;
  const accepted = during.requests - during.failed;
  const wrong = during.failed - during.refused;
  const statuses = Object.entries(during.statuses).map(([status, count]) => `${status}: ${count}`);
  return [
    judged(
      {
        group,
        metric: "p95 of accepted requests at 10 times the connections",
        floor,
        target: `≤ ${targetMs} ms`,
        figure: `${round(during.acceptedP95Ms)} ms`,
        note: `${round(during.acceptedP95Ms / before.acceptedP95Ms)} times the p95 of the fitting load; ${accepted} of ${during.requests} accepted; by Muster's own /metrics p95 ${round(server.p95Ms ?? Number.NaN)} ms from arrival to answer`,
      },
      accepted > 0 && during.acceptedP95Ms <= targetMs,
    ),
    judged(
      {
        group,
        metric: "everything else is refused with 503 or 429 and Retry-After",
        floor: null,
        target: "0 other answers",
        figure: `${wrong} other`,
        note: statuses.join(", "),
      },
      wrong === 0 && during.refused > 0,
    ),
    judged(
      {
        group,
        metric: "the fitting load right after it",
        floor,
        target: "0 refused, p95 ≤ 1.5 times before",
        figure: `${after.failed} refused, p95 ${round(after.acceptedP95Ms)} ms`,
        note: `${round(after.perSecond)} req/s`,
      },
      after.failed === 0 && after.acceptedP95Ms <= before.acceptedP95Ms * 1.5,
    ),
  ];
}
