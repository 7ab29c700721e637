import { setTimeout as sleep } from "node:timers/promises";
import { Pool } from "undici";
import type { BenchMuster } from "../support/start-bench-muster.ts";

const openEveryMs = 2;
const retryMs = 500;

/** A piece of a stream and when it came, in epoch milliseconds. */
interface Arrival {
  at: number;
  bytes: Buffer;
}

/**
 * Opens many event streams on one execution and returns how late each event reached each of them: from the time that the
 * database wrote into the event to its arrival here, sorted, in milliseconds. Ends with the streams.
 */
export async function streamDelays(
  muster: BenchMuster,
  executionId: string,
  subscribers: number,
  onOpen: () => void,
): Promise<{ delays: Float64Array; incomplete: number }> {
  const pool = new Pool(muster.url ?? "", {
    connections: subscribers,
    pipelining: 1,
    bodyTimeout: 0,
    headersTimeout: 0,
  });
  const arrivals: Arrival[][] = [];
  let open = 0;
  /** Events from before the last stream was open are history. */
  let openAt = Number.POSITIVE_INFINITY;
  const one = () =>
    new Promise<"ended" | "refused">((resolve, reject) => {
      const chunks: Arrival[] = [];
      let refused = false;
      pool.dispatch(
        {
          method: "GET",
          path: `/api/v1/executions/${executionId}/events`,
          headers: { authorization: `Bearer ${muster.apiKey}`, accept: "text/event-stream" },
        },
        {
          onRequestStart: () => undefined,
          onResponseStart: (_controller, status) => {
            refused = status === 503;
            if (!refused && status !== 200) reject(new Error(`The stream answered ${status}`));
            if (refused || ++open < subscribers) return;
            openAt = performance.timeOrigin + performance.now();
            onOpen();
          },
          // Only noted here: whatever this process does with a chunk makes all that wait behind it look late.
          onResponseData: (_controller, chunk) => {
            chunks.push({ at: performance.timeOrigin + performance.now(), bytes: Buffer.from(chunk) });
          },
          onResponseEnd: () => {
            if (!refused) arrivals.push(chunks);
            resolve(refused ? "refused" : "ended");
          },
          onResponseError: (_controller, error) => reject(error),
        },
      );
    });
  // A crowd that comes at once is partly sent away (503, Retry-After) and comes again, as clients do.
  const watcher = async (number: number) => {
    await sleep(number * openEveryMs);
    while ((await one()) === "refused") await sleep(retryMs);
  };
  try {
    await Promise.all(Array.from({ length: subscribers }, (_, number) => watcher(number)));
  } finally {
    await pool.destroy();
  }
  const delays: number[] = [];
  let incomplete = 0;
  for (const chunks of arrivals) incomplete += readStream(chunks, openAt, delays);
  return { delays: Float64Array.from(delays).sort(), incomplete };
}

/** Adds how late each event of one stream was; returns how many are missing, out of order, or whether its end is. */
function readStream(chunks: readonly Arrival[], openAt: number, delays: number[]): number {
  let rest = "";
  let expected = 1;
  let wrong = 0;
  let ended = false;
  for (const { at, bytes } of chunks) {
    rest += bytes.toString();
    const end = rest.lastIndexOf("\n\n");
    if (end < 0) continue;
    const events = rest.slice(0, end);
    rest = rest.slice(end + 2);
    for (const [, seq] of events.matchAll(/^id: ?(\d+)$/gm)) if (Number(seq) !== expected++) wrong++;
    if (at >= openAt) {
      for (const [, written = ""] of events.matchAll(/"at":"([^"]+)"/g)) delays.push(at - Date.parse(written));
    }
    ended ||= events.includes("execution-end");
  }
  return wrong + (ended ? 0 : 1);
}
