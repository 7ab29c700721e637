import { rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { runExecutionFloor } from "../floors/execution-floor.ts";
import { notifyFloor } from "../floors/notify-floor.ts";
import { faultText, noFaults } from "../harness/read-stream.ts";
import { type BenchRow, judged, median, round, unmeasured } from "../harness/row.ts";
import {
  apiOf,
  createBenchSquad,
  type ExecutionsResult,
  runExecutions,
  startExecution,
} from "../harness/run-executions.ts";
import { streamDelays } from "../harness/stream-delay.ts";
import { addPastExecutions } from "../support/past-executions.ts";
import { cpuOfFamily, openFilesLimit } from "../support/process-cost.ts";
import { fullSize } from "../support/seed-data.ts";
import { type BenchMuster, startBenchMuster } from "../support/start-bench-muster.ts";
import { startUpstream, type Upstream } from "../support/start-upstream.ts";

const group = "Executions";

interface Options {
  full: boolean;
  runs: number;
  log: (line: string) => void;
}

const providerOf = (upstream: Upstream) => ({ OPENAI_BASE_URL: upstream.baseUrl, OPENAI_API_KEY: "bench" });

async function withMuster<Result>(
  upstream: Upstream,
  work: (muster: BenchMuster, squadId: string) => Promise<Result>,
  options: { seed?: { messages: number } | null } = {},
): Promise<Result> {
  const muster = await startBenchMuster({ env: providerOf(upstream), ...options });
  try {
    return await work(muster, await createBenchSquad(apiOf(muster), "lead"));
  } finally {
    await muster.stop();
  }
}

const middle = (results: readonly ExecutionsResult[], pick: (result: ExecutionsResult) => number) =>
  median(results.map(pick));

function row(
  metric: string,
  target: string,
  figure: string,
  note: string,
  met: boolean,
  floor: string | null = null,
): BenchRow {
  return judged({ group, metric, floor, target, figure, note }, met);
}

interface ThroughputFigures {
  many: ExecutionsResult[];
  single: ExecutionsResult[];
  floors: { perSecond: number; nodeMs: number; postgresMs: number; p50Ms: number; growthBytes: number }[];
  /** A NOTIFY from one connection to another. */
  notified: { p50Ms: number; p99Ms: number };
  executions: number;
}

function judgeThroughput({ many, single, floors, notified, executions }: ThroughputFigures): BenchRow[] {
  const failed = [...many, ...single].reduce((sum, result) => sum + result.failed, 0);
  const perSecond = middle(many, (result) => result.perSecond);
  const [node, postgres] = [middle(many, (r) => r.cost.nodeMs), middle(many, (r) => r.cost.postgresMs)];
  const alone = middle(single, (result) => result.p50Ms);
  const growth = middle(many, (result) => result.growthBytes) / 1024;
  const memory = Math.max(...many.map((result) => result.peakMemoryBytes)) / 2 ** 20;
  const [first50, first99] = [
    middle(single, (r) => r.firstStepP50Ms),
    Math.max(...single.map((r) => r.firstStepP99Ms)),
  ];
  const floor = (pick: (each: (typeof floors)[number]) => number) => median(floors.map(pick));
  return [
    row(
      "executions/s, concurrency 32, 0 ms upstream",
      "≥ 200",
      round(perSecond),
      `${round((perSecond / floor((f) => f.perSecond)) * 100)} % of the floor (the target: ${round((200 / 423) * 100)} % of the floor beside which it was set); ${failed} of ${executions} failed`,
      perSecond >= 200 && failed === 0,
      `${round(floor((f) => f.perSecond))}/s`,
    ),
    row(
      "CPU per execution, Node + PostgreSQL",
      "≤ 5 + 4 ms",
      `${round(node)} + ${round(postgres)} ms`,
      "5 calls of 200 tokens, 25 chunks each",
      node <= 5 && postgres <= 4,
      `${round(floor((f) => f.nodeMs))} + ${round(floor((f) => f.postgresMs))} ms`,
    ),
    row(
      "one execution alone, p50",
      "≤ 12 ms over the provider's 0",
      `${round(alone)} ms`,
      "acceptance to end by the database's clock",
      alone <= 12,
      `${round(floor((f) => f.p50Ms))} ms`,
    ),
    row(
      "database growth per execution",
      "≤ 15 KB",
      `${round(growth)} KB`,
      "tables and indexes, before any vacuum",
      growth <= 15,
      `${round(floor((f) => f.growthBytes) / 1024)} KB`,
    ),
    row(
      "peak memory",
      "≤ 300 MB",
      `${round(memory)} MB`,
      "Node and PostgreSQL, shared pages once (PSS)",
      memory <= 300,
    ),
    row(
      "accepted → first step, p50 / p99",
      "≤ 20 / 100 ms",
      `${round(first50)} / ${round(first99)} ms`,
      "one at a time; p99 is the worst of the runs",
      first50 <= 20 && first99 <= 100,
      `${round(notified.p50Ms)} / ${round(notified.p99Ms)} ms (a NOTIFY)`,
    ),
  ];
}

/** Throughput, latency, CPU, growth and memory at an upstream that answers at once. */
async function throughputRows(options: Options): Promise<BenchRow[]> {
  const upstream = await startUpstream(0);
  const executions = options.full ? 600 : 150;
  try {
    return await withMuster(upstream, async (muster, squadId) => {
      const floorOf = (count: number, concurrency: number) =>
        runExecutionFloor({
          databaseUrl: muster.databaseUrl,
          baseUrl: upstream.baseUrl,
          executions: count,
          concurrency,
        });
      await runExecutions({ muster, squadId, executions: 64, concurrency: 32 });
      await floorOf(64, 32);
      const many: ExecutionsResult[] = [];
      const single: ExecutionsResult[] = [];
      const floors: ThroughputFigures["floors"] = [];
      for (let run = 0; run < options.runs; run++) {
        const postgresBefore = muster.postgresPid === null ? 0 : cpuOfFamily(muster.postgresPid);
        const floor = await floorOf(executions, 32);
        const postgresMs =
          ((muster.postgresPid === null ? 0 : cpuOfFamily(muster.postgresPid)) - postgresBefore) / executions;
        const alone = await floorOf(40, 1);
        floors.push({ ...floor, postgresMs, p50Ms: alone.p50Ms });
        many.push(await runExecutions({ muster, squadId, executions, concurrency: 32 }));
        single.push(await runExecutions({ muster, squadId, executions: 40, concurrency: 1 }));
      }
      const notified = await notifyFloor(muster.databaseUrl);
      return judgeThroughput({ many, single, floors, notified, executions: executions * options.runs });
    });
  } finally {
    upstream.close();
  }
}

/** 128 at once on a provider that takes 50 ms. */
async function waitingRow(options: Options): Promise<BenchRow> {
  const upstream = await startUpstream(50);
  const executions = options.full ? 384 : 256;
  try {
    return await withMuster(upstream, async (muster, squadId) => {
      const results: ExecutionsResult[] = [];
      const floors: number[] = [];
      await runExecutions({ muster, squadId, executions: 128, concurrency: 128 });
      for (let run = 0; run < options.runs; run++) {
        const floor = await runExecutionFloor({
          databaseUrl: muster.databaseUrl,
          baseUrl: upstream.baseUrl,
          executions,
          concurrency: 128,
        });
        floors.push(floor.p95Ms);
        results.push(await runExecutions({ muster, squadId, executions, concurrency: 128 }));
      }
      const p95 = middle(results, (result) => result.p95Ms);
      const note = `${round(middle(results, (result) => result.perSecond))} executions/s`;
      return row(
        "concurrency 128, 50 ms upstream, p95",
        "≤ 0.8 s",
        `${round(p95 / 1000)} s`,
        note,
        p95 <= 800,
        `${round(median(floors) / 1000)} s`,
      );
    });
  } finally {
    upstream.close();
  }
}

/** What one more streamed token costs: long answers against short ones. */
async function tokenRow(options: Options): Promise<BenchRow> {
  const [short, long] = [25, 1_000];
  const costs: number[] = [];
  for (const chunks of [short, long]) {
    const upstream = await startUpstream(0, chunks, 1);
    try {
      costs.push(
        await withMuster(upstream, async (muster, squadId) => {
          await runExecutions({ muster, squadId, executions: 16, concurrency: 8 });
          const results: ExecutionsResult[] = [];
          for (let run = 0; run < options.runs; run++)
            results.push(await runExecutions({ muster, squadId, executions: options.full ? 60 : 30, concurrency: 8 }));
          return middle(results, (result) => result.cost.nodeMs);
        }),
      );
    } finally {
      upstream.close();
    }
  }
  const textCalls = 4;
  const micros = (((costs[1] ?? 0) - (costs[0] ?? 0)) * 1000) / (textCalls * (long - short));
  return row(
    "CPU per streamed token",
    "≤ 5 µs",
    `${round(micros)} µs`,
    "one token a chunk, from the provider's socket to the journal; nobody watches",
    micros <= 5,
  );
}

interface Watchers {
  subscribers: number;
  limitMs: number;
  /** For all of Muster's processes; null where there is no such target. */
  limitMegabytes: number | null;
  /** What one call of the model takes: all must be there while the first one runs. */
  callMs: number;
}

/** How late an event reaches many watchers, and that each gets every event once and in order. */
async function streamRow({ subscribers, limitMs, limitMegabytes, callMs }: Watchers): Promise<BenchRow> {
  const upstream = await startUpstream(callMs);
  try {
    return await withMuster(upstream, async (muster, squadId) => {
      const executionId = await startExecution(apiOf(muster), squadId);
      const { delays, faults, cut, memoryBytes } = await streamDelays(muster, executionId, subscribers);
      const p99 = delays[Math.floor(0.99 * delays.length)] ?? Number.NaN;
      const p50 = delays[Math.floor(0.5 * delays.length)] ?? Number.NaN;
      const megabytes = memoryBytes / 2 ** 20;
      const memory = limitMegabytes === null ? "" : `, ${round(megabytes)} MB`;
      const cutOff = cut === 0 ? "" : `; ${cut} were cut off and came back`;
      const whole = faultText(faults) === faultText(noFaults);
      return row(
        `event written → at the client, ${round(subscribers)} watchers, p99${limitMegabytes === null ? "" : ", memory"}`,
        `≤ ${round(limitMs)} ms${limitMegabytes === null ? "" : `, ≤ ${limitMegabytes} MB`}`,
        `${round(p99)} ms${memory}`,
        `p50 ${round(p50)} ms, ${round(delays.length)} deliveries, ${faultText(faults)}${cutOff}${limitMegabytes === null ? `, ${round(megabytes)} MB` : ""}; the watchers share the machine`,
        p99 <= limitMs && whole && (limitMegabytes === null || megabytes <= limitMegabytes),
      );
    });
  } finally {
    upstream.close();
  }
}

/** Each stream is a file of Muster's and one of this process: a shell with a low limit cannot hold them. */
async function manyWatchersRow(): Promise<BenchRow> {
  const watchers: Watchers = { subscribers: 10_000, limitMs: 1_000, limitMegabytes: 600, callMs: 40_000 };
  const files = openFilesLimit();
  if (files >= watchers.subscribers + 1_000) return streamRow(watchers);
  const metric = "event written → at the client, 10,000 watchers, p99, memory";
  return unmeasured(group, metric, "≤ 1,000 ms, ≤ 600 MB", `a process may open ${files} files here: ulimit -n 11000`);
}

async function until(holds: () => Promise<boolean>, what: string, limitMs = 60_000): Promise<void> {
  const began = performance.now();
  while (!(await holds())) {
    if (performance.now() - began > limitMs) throw new Error(`waited in vain: ${what}`);
    await sleep(20);
  }
}

/** kill -9 while a member's call is in flight; then the same data again, or another process on the same database. */
async function crashRow(how: "restart" | "other process"): Promise<BenchRow> {
  // Long enough that the call is still under way when the other process, which takes seconds to start, is there.
  const upstream = await startUpstream(how === "restart" ? 1_500 : 12_000);
  const first = await startBenchMuster({ env: providerOf(upstream) });
  const limitMs = how === "restart" ? 3_000 : 15_000;
  const ownData = how === "restart" ? { dataDir: first.dataDir } : {};
  const env: Record<string, string> = {
    ...providerOf(upstream),
    ...(how === "restart" ? {} : { DATABASE_URL: first.databaseUrl }),
  };
  try {
    const squadId = await createBenchSquad(apiOf(first), "sequential", ["Ada"]);
    const executionId = await startExecution(apiOf(first), squadId);
    await until(async () => (await upstream.counts()).underWay === 1, "the first call");
    await sleep(300);
    // The other process must be there before the crash, as in an installation of several.
    const survivor = how === "restart" ? null : await startBenchMuster({ env });
    const before = await upstream.counts();
    if (before.calls !== 1 || before.underWay !== 1) throw new Error("the first call was over before the crash");
    await first.kill();
    const killed = performance.now();
    const second = survivor ?? (await startBenchMuster({ env, ...ownData }));
    await until(async () => (await upstream.counts()).calls >= 2, "the call was taken up again");
    const againMs = performance.now() - killed;
    const client = new pg.Client({ connectionString: second.databaseUrl });
    await client.connect();
    const statusOf = async () =>
      (await client.query<{ status: string }>("SELECT status FROM task_executions WHERE id = $1", [executionId]))
        .rows[0]?.status;
    await until(async () => !["queued", "running"].includes((await statusOf()) ?? ""), "the end");
    const status = await statusOf();
    const { rows } = await client.query<{ lost: number; steps: number }>(
      `SELECT (SELECT count(*)::int FROM llm_usage WHERE execution_id = $1 AND outcome = 'lost') AS lost,
         (SELECT count(*)::int FROM execution_steps WHERE execution_id = $1) AS steps`,
      [executionId],
    );
    await client.end();
    const { calls } = await upstream.counts();
    await second.stop();
    const steps = rows[0]?.steps ?? 0;
    const repeated = calls - steps;
    const note = `ended ${status}; ${calls} calls for ${steps} steps, so the one in flight was made ${1 + repeated} times; by itself`;
    return row(
      `kill -9 in a call, ${how}: running again`,
      `≤ ${limitMs / 1000} s, the call in flight made exactly twice`,
      `${round(againMs / 1000)} s`,
      note,
      againMs <= limitMs && repeated === 1 && status === "completed",
    );
  } finally {
    upstream.close();
    if (how === "other process") await first.endPostgres();
    rmSync(first.dataDir, { recursive: true, force: true });
  }
}

/** The same execution on an empty database and on one with a million messages, in turn: neighbours of the machine meet both. */
async function growthRow(options: Options): Promise<BenchRow> {
  const upstream = await startUpstream(0);
  const alone = (muster: BenchMuster, squadId: string, executions: number) =>
    runExecutions({ muster, squadId, executions, concurrency: 1 });
  try {
    const [empty, filled] = await withMuster(upstream, (bare, squadOfBare) =>
      withMuster(
        upstream,
        async (full, squadOfFull) => {
          await addPastExecutions(full.databaseUrl, 100_000);
          const results: [empty: ExecutionsResult, filled: ExecutionsResult][] = [];
          await alone(bare, squadOfBare, 20);
          await alone(full, squadOfFull, 20);
          for (let run = 0; run < options.runs; run++)
            results.push([await alone(bare, squadOfBare, 40), await alone(full, squadOfFull, 40)]);
          return ([0, 1] as const).map((which) => median(results.map((both) => both[which].p50Ms)));
        },
        { seed: fullSize },
      ),
    );
    const times = (filled ?? Number.NaN) / (empty ?? Number.NaN);
    return row(
      "one execution as work grows, p50",
      "flat (≤ 1.2 ×)",
      `${round(filled ?? Number.NaN)} ms (${round(times)} ×)`,
      "100,000 past executions and 1 M messages against none, in turn",
      times <= 1.2,
      `${round(empty ?? Number.NaN)} ms`,
    );
  } finally {
    upstream.close();
  }
}

/** The table "Executions". */
export async function executionsTable(options: Options): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  options.log("Executions: throughput");
  rows.push(...(await throughputRows(options)));
  options.log("Executions: 128 at once on a slow provider");
  rows.push(await waitingRow(options));
  options.log("Executions: tokens");
  rows.push(await tokenRow(options));
  options.log("Executions: watchers");
  rows.push(
    await streamRow({ subscribers: 1_000, limitMs: 50, limitMegabytes: null, callMs: options.full ? 8_000 : 5_000 }),
  );
  options.log("Executions: kill -9");
  rows.push(await crashRow("restart"));
  if (!options.full) return rows;
  rows.push(await crashRow("other process"));
  options.log("Executions: 10,000 watchers");
  rows.push(await manyWatchersRow());
  options.log("Executions: as work grows");
  rows.push(await growthRow(options));
  return rows;
}
