// Makes closed-loop load from a process of its own: every connection sends its next request when the last was answered.
import { Pool } from "undici";
import type { HttpLoadPlan, HttpLoadResult, LoadRequest } from "./http-load.ts";

function once(pool: Pool, request: LoadRequest): Promise<{ status: number; bytes: number }> {
  return new Promise((resolve, reject) => {
    let status = 0;
    let bytes = 0;
    pool.dispatch(
      { method: request.method ?? "GET", path: request.path, headers: request.headers, body: request.body ?? null },
      {
        onRequestStart: () => undefined,
        onResponseStart: (_controller, code) => {
          status = code;
        },
        onResponseData: (_controller, chunk) => {
          bytes += chunk.length;
        },
        onResponseEnd: () => resolve({ status, bytes }),
        onResponseError: (_controller, error) => reject(error),
      },
    );
  });
}

async function play(plan: HttpLoadPlan): Promise<HttpLoadResult> {
  const pool = new Pool(plan.origin, { connections: plan.connections, pipelining: 1 });
  const durations: number[] = [];
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
      const answer = await once(pool, request).catch(() => ({ status: 0, bytes: 0 }));
      if (!measuring && started >= from + plan.warmUpMs) {
        measuring = true;
        from = started;
      }
      if (!measuring) continue;
      durations.push(performance.now() - started);
      bytes += answer.bytes;
      statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
      if (answer.status !== plan.status) failed++;
    }
  };
  await Promise.all(Array.from({ length: plan.connections }, connection));
  const seconds = (performance.now() - from) / 1000;
  await pool.close();
  const sorted = Float64Array.from(durations).sort();
  const at = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
  return {
    perSecond: durations.length / seconds,
    requests: durations.length,
    p50Ms: at(0.5),
    p95Ms: at(0.95),
    p99Ms: at(0.99),
    failed,
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
