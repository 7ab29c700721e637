/** Figures of Muster's own between two scrapes of `/metrics`. Times are milliseconds; null when nothing was counted. */
export interface ServerFigures {
  /** Those that are timed: no streams, no calls that wait for a model, no refused ones. */
  requests: number;
  p95Ms: number | null;
  p99Ms: number | null;
  /** Of all requests, refused ones and streams too. */
  errors: number;
  queries: number;
  queryAverageMs: number | null;
  /** Statements of more than `slowQueryMs`, by name, most of them first; null when none was counted at all. */
  slowQueries: { query: string; count: number }[] | null;
  poolWaitP99Ms: number | null;
  cacheRatio: number | null;
}

/** No statement may take longer. A bound of the histogram, so the count above it is exact. */
export const slowQueryMs = 50;

type Scrape = Map<string, { name: string; labels: Record<string, string>; value: number }>;

/** Reads Prometheus' text format. */
export function readScrape(text: string): Scrape {
  const scrape: Scrape = new Map();
  for (const line of text.split("\n")) {
    const match = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (match === null) continue;
    const [, name = "", labelText = "", value = ""] = match;
    const labels = Object.fromEntries(
      [...labelText.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map((label) => [label[1] ?? "", label[2] ?? ""]),
    );
    scrape.set(line.slice(0, line.lastIndexOf(" ")), { name, labels, value: Number(value) });
  }
  return scrape;
}

/** The same for each process; nothing is summed up yet. */
function difference(
  before: readonly Scrape[],
  after: readonly Scrape[],
  name: string,
  accept: (labels: Record<string, string>) => boolean,
) {
  const rows: { labels: Record<string, string>; value: number }[] = [];
  for (const [index, scrape] of after.entries()) {
    for (const [key, { name: its, labels, value }] of scrape) {
      if (its === name && accept(labels)) rows.push({ labels, value: value - (before[index]?.get(key)?.value ?? 0) });
    }
  }
  return rows;
}

const all = () => true;
const sum = (rows: { value: number }[]) => rows.reduce((total, row) => total + row.value, 0);

/** As Prometheus' histogram_quantile: straight within the bucket. */
function bucketQuantile(q: number, rows: { labels: Record<string, string>; value: number }[]): number | null {
  const byBound = new Map<number, number>();
  for (const { labels, value } of rows) {
    const bound = labels.le === "+Inf" ? Number.POSITIVE_INFINITY : Number(labels.le);
    byBound.set(bound, (byBound.get(bound) ?? 0) + value);
  }
  const buckets = [...byBound].sort((a, b) => a[0] - b[0]);
  const total = buckets.at(-1)?.[1] ?? 0;
  if (total === 0) return null;
  let [fromBound, fromCount] = [0, 0];
  for (const [bound, count] of buckets) {
    if (count >= q * total) {
      if (bound === Number.POSITIVE_INFINITY) return fromBound * 1000;
      return (fromBound + ((bound - fromBound) * (q * total - fromCount)) / (count - fromCount || 1)) * 1000;
    }
    [fromBound, fromCount] = [bound, count];
  }
  return fromBound * 1000;
}

/** Statements above the bound `slowQueryMs`: all of a name less those in the buckets up to it. */
function slowQueries(
  counts: { labels: Record<string, string>; value: number }[],
  buckets: { labels: Record<string, string>; value: number }[],
): ServerFigures["slowQueries"] {
  if (buckets.length === 0) return null;
  const byQuery = new Map<string, number>();
  const add = (query = "", count = 0) => byQuery.set(query, (byQuery.get(query) ?? 0) + count);
  for (const { labels, value } of counts) add(labels.query, value);
  for (const { labels, value } of buckets) add(labels.query, -value);
  return [...byQuery]
    .map(([query, count]) => ({ query, count }))
    .filter(({ count }) => count > 0)
    .sort((one, other) => other.count - one.count);
}

/** What happened between two scrapes of each process, all processes together. */
export function serverFigures(beforeTexts: readonly string[], afterTexts: readonly string[]): ServerFigures {
  const [before, after] = [beforeTexts.map(readScrape), afterTexts.map(readScrape)];
  const rows = (name: string, accept: (labels: Record<string, string>) => boolean = all) =>
    difference(before, after, name, accept);
  const http = rows("http_request_duration_seconds_bucket");
  const counts = rows("db_query_duration_seconds_count");
  const queries = sum(counts);
  const cache = (accept: (result: string) => boolean) =>
    sum(rows("cache_requests_total", (l) => !/^llm|_redis$/.test(l.cache ?? "") && accept(l.result ?? "")));
  const looked = cache((result) => result !== "bypass");
  return {
    requests: sum(rows("http_request_duration_seconds_count")),
    p95Ms: bucketQuantile(0.95, http),
    p99Ms: bucketQuantile(0.99, http),
    errors: sum(rows("http_requests_total", (l) => l.status?.startsWith("5") ?? false)),
    queries,
    queryAverageMs: queries === 0 ? null : (sum(rows("db_query_duration_seconds_sum")) / queries) * 1000,
    slowQueries: slowQueries(
      counts,
      rows("db_query_duration_seconds_bucket", (l) => Number(l.le) === slowQueryMs / 1_000),
    ),
    poolWaitP99Ms: bucketQuantile(0.99, rows("db_pool_wait_seconds_bucket")),
    cacheRatio: looked === 0 ? null : cache((result) => /^(hit|stale|coalesced)$/.test(result)) / looked,
  };
}
