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

function once(pool: Pool, request: LoadRequest): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let status = 0;
    let bytes = 0;
    let saysWhen = false;
    pool.dispatch(
      { method: request.method ?? "GET", path: request.path, headers: request.headers, body: request.body ?? null },
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
  let measuring = plan.warmUpMs === 0;
  let from = performance.now();
  const end = from + plan.warmUpMs + plan.durationMs;
  const connection = async () => {
    for (;;) {
      if (plan.once ? next >= plan.requests.length : performance.now() >= end) return;
      const request = plan.requests[next++ % plan.requests.length];
      if (request === undefined) return;
      const started = performance.now();
      const answer = await once(pool, request).catch(() => noAnswer);
      if (!measuring && started >= from + plan.warmUpMs) {
        measuring = true;
        from = started;
      }
      if (!measuring) continue;
      const durationMs = performance.now() - started;
      durations.push(durationMs);
      if (answer.status === plan.status) acceptedDurations.push(durationMs);
      if (answer.saysWhen && (answer.status === 503 || answer.status === 429)) {
        refused++;
        // As Retry-After asks, but sooner: the load stays on without this process burning its own core.
        if (plan.refusedPauseMs > 0) await sleep(plan.refusedPauseMs);
      }
      bytes += answer.bytes;
      statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
      if (answer.status !== plan.status) failed++;
    }
  };
  await Promise.all(Array.from({ length: plan.connections }, connection));
  const seconds = (performance.now() - from) / 1000;
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
