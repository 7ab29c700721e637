import { setTimeout as sleep } from "node:timers/promises";
import { Pool } from "undici";
import type { BenchMuster } from "../support/start-bench-muster.ts";

const openEveryMs = 2;
const retryMs = 500;

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
  const delays: number[] = [];
  let incomplete = 0;
  let open = 0;
  const one = () =>
    new Promise<"ended" | "refused">((resolve, reject) => {
      let rest = "";
      let expected = 1;
      let ended = false;
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
            if (!refused && ++open === subscribers) onOpen();
          },
          onResponseData: (_controller, chunk) => {
            const now = performance.timeOrigin + performance.now();
            rest += chunk.toString();
            const end = rest.lastIndexOf("\n\n");
            if (end < 0) return;
            const events = rest.slice(0, end);
            rest = rest.slice(end + 2);
            for (const [, seq] of events.matchAll(/^id: ?(\d+)$/gm)) if (Number(seq) !== expected++) incomplete++;
            // Events from before the last stream was open are history.
            if (open === subscribers)
              for (const [, at = ""] of events.matchAll(/"at":"([^"]+)"/g)) delays.push(now - Date.parse(at));
            ended ||= events.includes("execution-end");
          },
          onResponseEnd: () => {
            if (refused) return resolve("refused");
            if (!ended) incomplete++;
            resolve("ended");
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
  return { delays: Float64Array.from(delays).sort(), incomplete };
}
