import { type ChildProcess, execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { type BenchRow, judged, median, round } from "../harness/row.ts";
import { nodeFlags } from "../support/node-flags.ts";
import { type LoadResult, percentile, runLoad } from "./raw-load.ts";
import { slidingWindowRow } from "./sliding-window.ts";

/*
 * The LLM gateway's table (`node bench/llm/run.ts`): Muster's gateway with every policy on, beside the bare way (the load
 * straight on the upstream) and the floor (Fastify and undici's dispatch, no policy), all in one run. With two cores or
 * more the measured server has a core of its own; load and upstream share another.
 */

interface Server {
  port: number;
  child: ChildProcess;
}

const group = "LLM gateway";
const serverCore = "0";
const otherCore = "1";

function pin(pid: number | undefined, core: string): boolean {
  if (pid === undefined) return false;
  try {
    execFileSync("taskset", ["-a", "-cp", core, String(pid)], { stdio: "ignore" });
    return true;
  } catch {
    // Not Linux, or one core only: the figures are then those of a shared core.
    return false;
  }
}

async function start(file: string, core: string, args: string[] = []): Promise<Server> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, {
    execArgv: [...nodeFlags],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  pin(child.pid, core);
  const [message] = (await once(child, "message")) as [{ port: number }];
  return { port: message.port, child };
}

async function get(port: number, path: string): Promise<string> {
  return (await fetch(`http://127.0.0.1:${port}${path}`)).text();
}

const question = "Summarise the findings of the review in three sentences and name the open risks. ".repeat(3);

/** A request nobody asked before: the cache is looked up and missed. `salt` keeps the runs apart. */
const fresh =
  (salt: string, stream: boolean) =>
  (index: number): string =>
    JSON.stringify({
      model: "gpt-4o-mini",
      messages: [
        { role: "system", content: "You are a careful reviewer." },
        { role: "user", content: `${question}${salt} ${index}` },
      ],
      temperature: 0,
      max_tokens: 200,
      stream,
    });

interface Bench {
  upstream: Server;
  floor: Server;
  gateway: Server;
  durationMs: number;
  runs: number;
  log: (line: string) => void;
}

/** Load on a server with the CPU it spent per request, in µs; the median of the runs by rate. */
async function measure(
  bench: Bench,
  server: Server,
  options: { concurrency: number; latency: string; body: (run: number) => (index: number) => string },
): Promise<{ result: LoadResult; cpuMicros: number }> {
  const runs: { result: LoadResult; cpuMicros: number }[] = [];
  for (let run = 0; run < bench.runs; run += 1) {
    const before = server === bench.upstream ? null : (JSON.parse(await get(server.port, "/cpu")) as NodeJS.CpuUsage);
    const result = await runLoad({
      port: server.port,
      path: `/${options.latency}/v1/chat/completions`,
      body: options.body(run),
      concurrency: options.concurrency,
      durationMs: bench.durationMs,
    });
    const after = before === null ? null : (JSON.parse(await get(server.port, "/cpu")) as NodeJS.CpuUsage);
    const cpu = before === null || after === null ? 0 : after.user + after.system - before.user - before.system;
    runs.push({ result, cpuMicros: cpu / result.requests });
  }
  const middle = median(runs.map(({ result }) => result.perSecond));
  const closest = runs.toSorted(
    (a, b) => Math.abs(a.result.perSecond - middle) - Math.abs(b.result.perSecond - middle),
  )[0];
  if (closest === undefined) throw new Error("No run was made.");
  if (closest.result.failures > 0) throw new Error(`${closest.result.failures} requests failed.`);
  return closest;
}

/** What says most on a machine of another speed than the one on which the targets were set, beside that one's floor. */
function besides(ours: number, floor: number, target: number, floorThen: number): string {
  return `${round((ours / floor) * 100)} % of the floor (the target: ${round((target / floorThen) * 100)} % of the floor beside which it was set)`;
}

let salts = 0;
const salted = (stream: boolean) => (run: number) => fresh(`s${salts++}-${run}`, stream);

async function throughput(bench: Bench): Promise<BenchRow[]> {
  const options = { concurrency: 32, latency: "0", body: salted(false) };
  const bare = await measure(bench, bench.upstream, options);
  const floor = await measure(bench, bench.floor, options);
  const ours = await measure(bench, bench.gateway, options);
  const met = ours.result.perSecond >= 6000 && ours.cpuMicros <= 150;
  return [
    judged(
      {
        group,
        metric: "calls/s, all policies on",
        floor: round(floor.result.perSecond),
        target: "≥ 6,000, ≤ 150 µs CPU per call",
        figure: `${round(ours.result.perSecond)}, ${round(ours.cpuMicros)} µs`,
        note: `${besides(ours.result.perSecond, floor.result.perSecond, 6_000, 11_900)}; floor ${round(floor.cpuMicros)} µs; the load straight on the upstream: ${round(bare.result.perSecond)}/s`,
      },
      met,
    ),
  ];
}

/** What passing through costs beyond the load straight on the upstream, at p50 and p99 of one kind of latency, in ms. */
async function addedLatency(
  bench: Bench,
  options: { concurrency: number; latency: string; stream: boolean },
  kind: "latencies" | "firstBytes",
): Promise<{ ours: [number, number]; floor: [number, number] }> {
  const load = { ...options, body: salted(options.stream) };
  const bare = (await measure(bench, bench.upstream, load)).result[kind];
  const floor = (await measure(bench, bench.floor, load)).result[kind];
  const ours = (await measure(bench, bench.gateway, load)).result[kind];
  const added = (sorted: number[]): [number, number] => [
    percentile(sorted, 0.5) - percentile(bare, 0.5),
    percentile(sorted, 0.99) - percentile(bare, 0.99),
  ];
  return { ours: added(ours), floor: added(floor) };
}

function addedRow(
  metric: string,
  { ours, floor }: { ours: [number, number]; floor: [number, number] },
  atMost: [number, number],
): BenchRow {
  const pair = ([p50, p99]: [number, number]) => `${round(p50)} / ${round(p99)} ms`;
  return judged(
    {
      group,
      metric,
      floor: pair(floor),
      target: `≤ ${atMost[0]} / ${atMost[1]} ms`,
      figure: pair(ours),
      note: "",
    },
    ours[0] <= atMost[0] && ours[1] <= atMost[1],
  );
}

async function unloaded(bench: Bench): Promise<BenchRow[]> {
  const figures = await addedLatency(bench, { concurrency: 1, latency: "0", stream: false }, "latencies");
  return [addedRow("added latency, unloaded, p50 / p99", figures, [0.5, 1.5])];
}

async function burst(bench: Bench): Promise<BenchRow[]> {
  const figures = await addedLatency(bench, { concurrency: 32, latency: "50", stream: false }, "latencies");
  return [addedRow("32 at once, upstream 50 ms, added p50 / p99", figures, [2, 6])];
}

async function hits(bench: Bench): Promise<BenchRow[]> {
  const one = fresh("hit", false)(0);
  const streamOne = fresh("hit-stream", true)(0);
  await runLoad({
    port: bench.gateway.port,
    path: "/0/v1/chat/completions",
    body: () => one,
    concurrency: 1,
    requests: 1,
  });
  await runLoad({
    port: bench.gateway.port,
    path: "/0/v1/chat/completions",
    body: () => streamOne,
    concurrency: 1,
    requests: 1,
  });
  for (const body of [one, streamOne]) {
    await runLoad({
      port: bench.gateway.port,
      path: "/0/v1/chat/completions",
      body: () => body,
      concurrency: 32,
      durationMs: bench.durationMs,
    });
  }
  const json = await measure(bench, bench.gateway, { concurrency: 32, latency: "0", body: () => () => one });
  const replay = await measure(bench, bench.gateway, { concurrency: 32, latency: "0", body: () => () => streamOne });
  const p99 = percentile(json.result.latencies, 0.99);
  return [
    judged(
      {
        group,
        metric: "cache hit, requests/s",
        floor: null,
        target: "≥ 10,000, p99 < 10 ms",
        figure: `${round(json.result.perSecond)}, p99 ${round(p99)} ms`,
        note: `${round(json.cpuMicros)} µs CPU`,
      },
      json.result.perSecond >= 10_000 && p99 < 10,
    ),
    judged(
      {
        group,
        metric: "replay of a stream from the cache, streams/s",
        floor: null,
        target: "≥ 10,000",
        figure: round(replay.result.perSecond),
        note: `${round(replay.cpuMicros)} µs CPU`,
      },
      replay.result.perSecond >= 10_000,
    ),
  ];
}

async function streams(bench: Bench): Promise<BenchRow[]> {
  const options = { concurrency: 32, latency: "0", body: salted(true) };
  const floor = await measure(bench, bench.floor, options);
  const ours = await measure(bench, bench.gateway, options);
  // The first token is compared where the upstream, not a saturated core, sets the pace.
  const firstToken = await addedLatency(bench, { concurrency: 32, latency: "50", stream: true }, "firstBytes");
  return [
    judged(
      {
        group,
        metric: "streams/s (24 frames)",
        floor: round(floor.result.perSecond),
        target: "≥ 1,700",
        figure: round(ours.result.perSecond),
        note: `${besides(ours.result.perSecond, floor.result.perSecond, 1_700, 2_408)}; ${round(ours.cpuMicros)} µs CPU a stream, floor ${round(floor.cpuMicros)}`,
      },
      ours.result.perSecond >= 1700,
    ),
    addedRow("added time to first token at 32 streams, p50 / p99", firstToken, [2, 10]),
  ];
}

async function equal(bench: Bench): Promise<BenchRow[]> {
  const counts: number[] = [];
  for (const stream of [false, true]) {
    const body = fresh(`equal-${stream}`, stream)(0);
    const before = Number(await get(bench.upstream.port, "/count"));
    await runLoad({
      port: bench.gateway.port,
      path: "/50/v1/chat/completions",
      body: () => body,
      concurrency: 100,
      requests: 100,
    });
    counts.push(Number(await get(bench.upstream.port, "/count")) - before);
  }
  const figure = `${counts[0]} (JSON), ${counts[1]} (stream)`;
  return [
    judged(
      {
        group,
        metric: "100 equal requests at once: upstream calls",
        floor: null,
        target: "1, stream and JSON",
        figure,
        note: "",
      },
      counts.every((count) => count === 1),
    ),
  ];
}

/** Measures the gateway's table; every figure beside its floor of the same run. */
export async function runLlmBench(options: { full: boolean; log: (line: string) => void }): Promise<BenchRow[]> {
  pin(process.pid, otherCore);
  const upstream = await start("./upstream-child.ts", otherCore);
  const origin = `http://127.0.0.1:${upstream.port}`;
  const floor = await start("./pass-through-child.ts", serverCore, [origin]);
  const gateway = await start("./gateway-child.ts", serverCore, [origin]);
  const servers = [upstream, floor, gateway];
  const bench: Bench = {
    upstream,
    floor,
    gateway,
    durationMs: options.full ? 5000 : 1500,
    runs: options.full ? 3 : 1,
    log: options.log,
  };
  try {
    options.log("LLM gateway: warming up");
    // Long enough for the compiler to have seen every path: a server is measured as it runs, not as it starts.
    const warmUpMs = options.full ? 3000 : 1500;
    for (const server of servers) {
      for (const stream of [false, true, false]) {
        const body = fresh(`warm-${salts++}`, stream);
        await runLoad({
          port: server.port,
          path: "/0/v1/chat/completions",
          body,
          concurrency: 32,
          durationMs: warmUpMs,
        });
      }
    }
    const rows: BenchRow[] = [];
    for (const table of [throughput, unloaded, burst, hits, streams, equal]) {
      options.log(`LLM gateway: ${table.name}`);
      rows.push(...(await table(bench)));
    }
    if (options.full) {
      options.log("LLM gateway: four minutes of a shared rate limit");
      rows.push(await slidingWindowRow());
    }
    return rows;
  } finally {
    for (const { child } of servers) child.kill();
    // The other tables are measured by this process too.
    pin(process.pid, "0-1023");
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const rows = await runLlmBench({
    full: process.argv.includes("--full"),
    log: (line) => process.stderr.write(`${line}\n`),
  });
  for (const row of rows) {
    const floor = row.floor === null ? "" : `  floor ${row.floor}`;
    process.stdout.write(
      `${row.verdict.padEnd(7)} ${row.metric}: ${row.figure}  (target ${row.target})${floor}  ${row.note}\n`,
    );
  }
  process.stdout.write(`${JSON.stringify(rows)}\n`);
}
