import pg from "pg";
import { request } from "undici";
import { startHttpFloor } from "../floors/start-http-floor.ts";
import type { HttpLoad, HttpLoadResult, LoadRequest } from "../harness/http-load.ts";
import { type BenchRow, judged, median, round, unmeasured } from "../harness/row.ts";
import { cpuOfFamily } from "../support/process-cost.ts";
import type { BenchMuster } from "../support/start-bench-muster.ts";

const group = "API and data";
const page = "/api/v1/squads?page=1&pageSize=20";

export interface ApiTableOptions {
  muster: BenchMuster;
  load: HttpLoad;
  runs: number;
  durationMs: number;
  log: (line: string) => void;
}

interface Measured {
  perSecond: number;
  p99Ms: number;
  bytes: number;
  /** CPU per request, of the server and of PostgreSQL. */
  nodeUs: number;
  postgresUs: number;
}

interface Floor {
  origin: string;
  pid: number;
}

const authorization = (key: string) => ({ authorization: `Bearer ${key}` });
const keys = (muster: BenchMuster) => muster.seeded?.apiKeys ?? [];

/**
 * Plays a plan and charges the CPU that the server and PostgreSQL used meanwhile to its requests. To a server that asks no
 * database nothing of PostgreSQL is charged: what that does meanwhile is not its doing.
 */
async function measure(
  options: ApiTableOptions,
  serverPid: number,
  plan: Parameters<HttpLoad["run"]>[0],
  { asksDatabase = true } = {},
): Promise<Measured> {
  const postgresPid = asksDatabase ? options.muster.postgresPid : null;
  const cpu = () => [cpuOfFamily(serverPid), postgresPid === null ? 0 : cpuOfFamily(postgresPid)] as const;
  const before = cpu();
  const result = await options.load.run({ ...plan, warmUpMs: 0 });
  const after = cpu();
  if (result.failed > 0)
    throw new Error(`${result.failed} of ${result.requests} answers were wrong: ${JSON.stringify(result.statuses)}`);
  const perRequest = (ms: number) => (ms * 1000) / result.requests;
  return {
    perSecond: result.perSecond,
    p99Ms: result.p99Ms,
    bytes: result.bytesPerAnswer,
    nodeUs: perRequest(after[0] - before[0]),
    postgresUs: perRequest(after[1] - before[1]),
  };
}

function middle(results: readonly Measured[]): Measured {
  const of = (name: keyof Measured) => median(results.map((result) => result[name]));
  return {
    perSecond: of("perSecond"),
    p99Ms: of("p99Ms"),
    bytes: of("bytes"),
    nodeUs: of("nodeUs"),
    postgresUs: of("postgresUs"),
  };
}

/** Runs that alternate, so that both see the same machine; the first round compiles and connects and does not count. */
async function compare(
  options: ApiTableOptions,
  floorRun: (round: number) => Promise<Measured>,
  ourRun: (round: number) => Promise<Measured>,
): Promise<{ floor: Measured; ours: Measured }> {
  const floor: Measured[] = [];
  const ours: Measured[] = [];
  for (let round = 0; round <= options.runs; round++) {
    const [bare, real] = [await floorRun(round), await ourRun(round)];
    if (round === 0) continue;
    floor.push(bare);
    ours.push(real);
  }
  return { floor: middle(floor), ours: middle(ours) };
}

/**
 * The verdict is by CPU: requests per second of one core. Requests per second of the clock stand beside it; on a machine
 * with neighbours they tell more of these than of Muster.
 */
function shareRow(metric: string, share: number, { floor, ours }: { floor: Measured; ours: Measured }): BenchRow {
  const perCore = (result: Measured) => 1e6 / (result.nodeUs + result.postgresUs);
  const ratio = perCore(ours) / perCore(floor);
  const postgres = ours.postgresUs >= 1 ? ` + ${round(ours.postgresUs)} in PostgreSQL` : "";
  const floorPostgres = floor.postgresUs >= 1 ? ` + ${round(floor.postgresUs)}` : "";
  return judged(
    {
      group,
      metric,
      floor: `${round(floor.nodeUs)}${floorPostgres} µs CPU; ${round(floor.perSecond)} req/s`,
      target: `≥ ${share * 100} % of the floor per core`,
      figure: `${round(ratio * 100)} %: ${round(ours.nodeUs)}${postgres} µs CPU; ${round(ours.perSecond)} req/s`,
      note: `p99 ${round(ours.p99Ms)} ms, ${round(ours.bytes / 1024)} KB sent`,
    },
    ratio >= share,
  );
}

/**
 * Cached and revalidated reads of a page of 20 squads with their members, by ten users: one alone would reach the limit of
 * a caller (20,000 requests a second).
 */
async function cachedRows(options: ApiTableOptions, floor: Floor, etag: string): Promise<BenchRow[]> {
  const { muster, durationMs } = options;
  const readers = await Promise.all(
    keys(muster)
      .slice(0, 10)
      .map(async (key) => {
        const headers = { ...authorization(key), "accept-encoding": "gzip" };
        const answer = await warm(`${muster.url}${page}`, headers);
        return { headers, conditional: { ...headers, "if-none-match": String(answer.headers.etag) } };
      }),
  );
  const pair = (
    floorPath: string,
    toFloor: Record<string, string>[],
    toOurs: Record<string, string>[],
    status: number,
  ) => {
    const plan = (path: string, sent: Record<string, string>[]) => ({
      requests: sent.map((headers) => ({ path, headers })),
      status,
      durationMs,
    });
    return compare(
      options,
      () => measure(options, floor.pid, { origin: floor.origin, ...plan(floorPath, toFloor) }, { asksDatabase: false }),
      () => measure(options, muster.pid, { origin: muster.url ?? "", ...plan(page, toOurs) }),
    );
  };
  const full = readers.map(({ headers }) => headers);
  const ours = readers.map(({ conditional }) => conditional);
  const floors = full.map((headers) => ({ ...headers, "if-none-match": etag }));
  return [
    shareRow("cacheable read, warm", 0.7, await pair("/cached", full, full, 200)),
    shareRow("revalidation (304)", 0.8, await pair("/revalidated", floors, ours, 304)),
  ];
}

/** The third answer: the first reads, the second comes from the cache, by the third the compressed form is kept. */
async function warm(url: string, headers: Record<string, string>) {
  for (let i = 0; i < 2; i++) await (await request(url, { headers })).body.dump();
  const answer = await request(url, { headers });
  return { headers: answer.headers, body: Buffer.from(await answer.body.arrayBuffer()) };
}

/**
 * Five page sizes of about 20 in the middle, none of which another round or table has: nobody has read these pages before.
 * The round that does not count has more, so that what is compared is not the compiler's work; not so where there is one run,
 * which is quick before it is exact.
 */
const freshSizes = (round: number, runs: number) =>
  round === 0
    ? Array.from({ length: runs > 1 ? 20 : 5 }, (_, index) => 41 + index)
    : [5, 11, 21, 27, 33].map((size) => size + round);

/** Pages that are in no cache. A write would not do: what a user read is read anew after it (ADR 0082). */
async function uncachedRow(options: ApiTableOptions, floor: Floor): Promise<BenchRow> {
  const { muster } = options;
  const users = keys(muster).slice(0, 100);
  const plain = { "accept-encoding": "identity" };
  const ours = (round: number) =>
    freshSizes(round, options.runs).flatMap((size) =>
      users.map((key) => ({
        path: `/api/v1/squads?page=1&pageSize=${size}`,
        headers: { ...authorization(key), ...plain },
      })),
    );
  const bare = (round: number) =>
    freshSizes(round, options.runs).flatMap((size) =>
      users.map((_key, user) => ({ path: `/page?user=${user}&size=${size}`, headers: plain })),
    );
  const figures = await compare(
    options,
    (round) => measure(options, floor.pid, { origin: floor.origin, requests: bare(round), once: true }),
    (round) => measure(options, muster.pid, { origin: muster.url ?? "", requests: ours(round), once: true }),
  );
  const metric = "same page from PostgreSQL, uncached";
  if (figures.ours.postgresUs < 1)
    return unmeasured(group, metric, "≥ 70 % of the floor per core", "it came from the cache");
  return shareRow(metric, 0.7, figures);
}

/** Pages of 100 messages of the longest execution, at its newest and at its oldest end, beside the bare query. */
async function keysetRows(options: ApiTableOptions): Promise<BenchRow[]> {
  const { muster, load } = options;
  const long = muster.seeded?.long;
  if (long === undefined) return [];
  const headers = { ...authorization(long.apiKey), "accept-encoding": "identity" };
  const client = new pg.Client({ connectionString: muster.databaseUrl });
  await client.connect();
  const { rows: ids } = await client.query<{ id: string }>(
    "SELECT id FROM agent_messages WHERE task_execution_id = $1 ORDER BY id DESC",
    [long.executionId],
  );
  const columns =
    "id, step_id, member_id, role, status, model, content, tool_calls, input_tokens, output_tokens, created_at";
  const text = `SELECT ${columns} FROM agent_messages WHERE task_execution_id = $1 AND id < $2 ORDER BY id DESC LIMIT 101`;
  const pages = 150;
  const starts = (from: number) => Array.from({ length: pages }, (_, index) => ids[from + index]?.id ?? "");
  const measureBare = async (from: number) => {
    const durations: number[] = [];
    for (const start of starts(from)) {
      const began = performance.now();
      await client.query({ name: "bare", text, values: [long.executionId, start] });
      durations.push(performance.now() - began);
    }
    return durations.sort((a, b) => a - b)[Math.floor(0.99 * durations.length)] ?? Number.NaN;
  };
  // Every start is asked for once, so nothing comes from the cache.
  const measureOurs = async (from: number) => {
    const requests: LoadRequest[] = starts(from).map((start) => ({
      path: `/api/v1/executions/${long.executionId}/messages?limit=100&cursor=${encodeURIComponent(cursorOf(start))}`,
      headers,
    }));
    const result = await load.run({ origin: muster.url ?? "", requests, connections: 1, once: true, warmUpMs: 0 });
    if (result.failed > 0) throw new Error(`${result.failed} pages of messages failed`);
    return result;
  };
  const cursorOf = await cursorMaker(muster, long.executionId, headers, ids);
  const newest: { bare: number; ours: HttpLoadResult }[] = [];
  const oldest: HttpLoadResult[] = [];
  for (let run = 0; run < options.runs + 1; run++) {
    const offset = run * pages;
    // Who comes second finds what the first has brought into memory: they take turns.
    const bareFirst = run % 2 === 0;
    const before = bareFirst ? await measureBare(offset) : null;
    const ours = await measureOurs(offset);
    const bare = before ?? (await measureBare(offset));
    const last = await measureOurs(ids.length - pages * (options.runs + 2) + offset - 101);
    if (run === 0) continue;
    newest.push({ bare, ours });
    oldest.push(last);
  }
  await client.end();
  const bare = median(newest.map((each) => each.bare));
  const ours = median(newest.map((each) => each.ours.p99Ms));
  const first50 = median(newest.map((each) => each.ours.p50Ms));
  const last50 = median(oldest.map((each) => each.p50Ms));
  const note = `one execution of ${round(long.messages)} messages, one connection`;
  return [
    judged(
      {
        group,
        metric: "keyset page of 100 messages, p99",
        floor: `${round(bare)} ms`,
        target: "≤ 2 × the floor",
        figure: `${round(ours)} ms (${round(ours / bare)} ×)`,
        note,
      },
      ours <= 2 * bare,
    ),
    judged(
      {
        group,
        metric: "the same, last page against first, p50",
        floor: `${round(first50)} ms`,
        target: "no slower (≤ 1.1 ×)",
        figure: `${round(last50)} ms (${round(last50 / first50)} ×)`,
        note,
      },
      last50 <= 1.1 * first50,
    ),
  ];
}

/** Cursors are opaque: learns their form from one answer and asserts that it holds. */
async function cursorMaker(
  muster: BenchMuster,
  executionId: string,
  headers: Record<string, string>,
  ids: { id: string }[],
): Promise<(id: string) => string> {
  const answer = await request(`${muster.url}/api/v1/executions/${executionId}/messages?limit=100`, { headers });
  const { nextCursor } = (await answer.body.json()) as { nextCursor: string };
  const last = ids[99]?.id ?? "";
  for (const make of [
    (id: string) => id,
    (id: string) => Buffer.from(id).toString("base64url"),
    (id: string) => Buffer.from(id.replaceAll("-", ""), "hex").toString("base64url"),
    (id: string) => Buffer.from(JSON.stringify([id])).toString("base64url"),
  ]) {
    if (make(last) === nextCursor) return make;
  }
  throw new Error(`The form of the cursor ${nextCursor} is not known to the bench`);
}

/** Lists of 20 at 100 connections, as a UI that is reloaded by many people asks for them. */
async function listRows(options: ApiTableOptions): Promise<BenchRow[]> {
  const { muster, load } = options;
  const users = keys(muster).slice(0, 100);
  const ofAll = (path: string) => users.map((key) => ({ path, key }));
  const lists: [string, { path: string; key: string }[]][] = [
    ["squads", ofAll(page)],
    ["tasks", ofAll("/api/v1/tasks?page=1&pageSize=20")],
    ["executions", ofAll("/api/v1/executions?limit=20")],
    [
      "messages",
      (muster.seeded?.conversations ?? []).map(({ executionId, apiKey }) => ({
        path: `/api/v1/executions/${executionId}/messages?limit=20`,
        key: apiKey,
      })),
    ],
    ["notifications", ofAll("/api/v1/notifications?limit=20")],
  ];
  const rows: BenchRow[] = [];
  for (const [name, asked] of lists) {
    await assertFull(muster, name, asked);
    const requests = asked.map(({ path, key }) => ({
      path,
      headers: { ...authorization(key), "accept-encoding": "gzip" },
    }));
    const results: HttpLoadResult[] = [];
    for (let run = 0; run < options.runs; run++) {
      results.push(await load.run({ origin: muster.url ?? "", requests, durationMs: options.durationMs }));
    }
    const failed = results.reduce((sum, result) => sum + result.failed, 0);
    const perSecond = median(results.map((result) => result.perSecond));
    const p95 = median(results.map((result) => result.p95Ms));
    rows.push(
      judged(
        {
          group: "Lists",
          metric: `list of 20 ${name}, ${asked.length} users, 100 connections`,
          floor: null,
          target: "≥ 5,000/s, p95 ≤ 40 ms",
          figure: `${round(perSecond)}/s, p95 ${round(p95)} ms`,
          note: `${round((results[0]?.bytesPerAnswer ?? 0) / 1024)} KB compressed, ${failed} failed`,
        },
        perSecond >= 5_000 && p95 <= 40 && failed === 0,
      ),
    );
  }
  return rows;
}

/** An empty page is quick and proves nothing. */
async function assertFull(muster: BenchMuster, name: string, asked: { path: string; key: string }[]): Promise<void> {
  for (const { path, key } of asked) {
    const answer = await request(`${muster.url}${path}`, { headers: authorization(key) });
    const { data } = (await answer.body.json()) as { data: unknown[] };
    if (data.length !== 20) throw new Error(`A list of ${name} has ${data.length} instead of 20 entries`);
  }
}

/** The tables "API and data" and "Lists". */
export async function apiTable(options: ApiTableOptions): Promise<BenchRow[]> {
  const { muster } = options;
  const key = keys(muster)[0] ?? "";
  const headers = { ...authorization(key), "accept-encoding": "gzip" };
  const { body, headers: answered } = await warm(`${muster.url}${page}`, headers);
  const etag = String(answered.etag);
  const kept = ["content-type", "content-encoding", "etag", "vary", "cache-control"];
  const answerHeaders = Object.fromEntries(
    kept.flatMap((name) => (answered[name] ? [[name, String(answered[name])]] : [])),
  );
  const client = new pg.Client({ connectionString: muster.databaseUrl });
  await client.connect();
  const { rows: users } = await client.query<{ id: string }>(
    "SELECT user_id AS id FROM squads GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 100",
  );
  await client.end();
  const floor = await startHttpFloor({
    body,
    headers: answerHeaders,
    etag,
    databaseUrl: muster.databaseUrl,
    userIds: users.map((user) => user.id),
  });
  try {
    options.log("API: cached and revalidated reads");
    const cached = await cachedRows(options, floor, etag);
    options.log("API: uncached reads");
    const uncached = await uncachedRow(options, floor);
    options.log("API: pages of messages");
    const keyset = await keysetRows(options);
    options.log("API: lists");
    return [...cached, uncached, ...keyset, ...(await listRows(options))];
  } finally {
    floor.close();
  }
}
