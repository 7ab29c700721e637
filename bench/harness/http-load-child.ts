// Makes closed-loop load from a process of its own: every connection sends its next request when the last was answered.
import { setTimeout as sleep } from "node:timers/promises";
import { Pool } from "undici";
import type { HttpLoadPlan, HttpLoadResult, LoadRequest } from "./http-load.ts";

interface Answer {
  status: number;
  bytes: number;
  /** It carries Retry-After. */
  saysWhen: boolean;
}

const noAnswer: Answer = { status: 0, bytes: 0, saysWhen: false };

function once(pool: Pool, request: LoadRequest, number: number): Promise<Answer> {
  const path = request.path.replace("{{number}}", String(number));
  return new Promise((resolve, reject) => {
    let status = 0;
    let bytes = 0;
    let saysWhen = false;
    pool.dispatch(
      { method: request.method ?? "GET", path, headers: request.headers, body: request.body ?? null },
      {
        onRequestStart: () => undefined,
        onResponseStart: (_controller, code, headers) => {
          status = code;
          saysWhen = headers["retry-after"] !== undefined;
        },
        onResponseData: (_controller, chunk) => {
          bytes += chunk.length;
        },
        onResponseEnd: () => resolve({ status, bytes, saysWhen }),
        onResponseError: (_controller, error) => reject(error),
      },
    );
  });
}

function quantiles(durations: readonly number[]): (q: number) => number {
  const sorted = Float64Array.from(durations).sort();
  return (q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

async function play(plan: HttpLoadPlan): Promise<HttpLoadResult> {
  const pool = new Pool(plan.origin, { connections: plan.connections, pipelining: 1 });
  const durations: number[] = [];
  const acceptedDurations: number[] = [];
  let refused = 0;
  let failed = 0;
  const statuses: Record<string, number> = {};
  let bytes = 0;
  let next = 0;
  const from = performance.now() + plan.warmUpMs;
  const end = from + plan.durationMs;
  const connection = async () => {
    for (;;) {
      const started = performance.now();
      if (plan.once ? next >= plan.requests.length : started >= end) return;
      const number = next++;
      const request = plan.requests[number % plan.requests.length];
      if (request === undefined) return;
      const answer = await once(pool, request, number).catch(() => noAnswer);
      const isRefusal = answer.saysWhen && (answer.status === 503 || answer.status === 429);
      // Measured are those that began after the warm-up: what waited for a new connection before is not the server's time.
      if (started >= from) note(answer, performance.now() - started, isRefusal);
      // As Retry-After asks, but sooner: the load stays on without this process burning its own core.
      if (isRefusal && plan.refusedPauseMs > 0) await sleep(plan.refusedPauseMs);
    }
  };
  const note = (answer: Answer, durationMs: number, isRefusal: boolean): void => {
    durations.push(durationMs);
    if (answer.status === plan.status) acceptedDurations.push(durationMs);
    else failed++;
    if (isRefusal) refused++;
    bytes += answer.bytes;
    statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
  };
  await Promise.all(Array.from({ length: plan.connections }, connection));
  // All that began in the time given, also those whose answer came after it.
  const seconds = (plan.once ? performance.now() - from : plan.durationMs) / 1000;
  await pool.close();
  const at = quantiles(durations);
  return {
    perSecond: durations.length / seconds,
    requests: durations.length,
    p50Ms: at(0.5),
    p95Ms: at(0.95),
    p99Ms: at(0.99),
    acceptedP95Ms: quantiles(acceptedDurations)(0.95),
    failed,
    refused,
    statuses,
    bytesPerAnswer: bytes / Math.max(1, durations.length),
  };
}

process.on("message", (plan: HttpLoadPlan | "end") => {
  if (plan === "end") process.disconnect();
  else
    play(plan).then(
      (result) => process.send?.(result),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
});
