import { setTimeout as sleep } from "node:timers/promises";
import { Pool } from "undici";
import type { BenchMuster } from "../support/start-bench-muster.ts";
import { type Arrival, addFaults, faultsOf, noFaults, readStream, type StreamFaults } from "./read-stream.ts";

const openEveryMs = 2;
const retryMs = 500;

export interface StreamDelays {
  /** How late each event reached each reader, sorted, in milliseconds. */
  delays: Float64Array;
  faults: StreamFaults;
  /** Readers that were cut off and came back with the number they had read last, as clients do. */
  cut: number;
  /** The larger of what Muster's processes held when all streams were open and when they had ended. */
  memoryBytes: number;
}

/** Reads one event stream to its end; what came is noted in `chunks`. */
function readOnce(options: {
  pool: Pool;
  path: string;
  apiKey: string;
  after: number;
  chunks: Arrival[];
  onOpen: () => void;
}): Promise<"ended" | "refused" | "cut"> {
  return new Promise((resolve, reject) => {
    let status = 0;
    const resumed: Record<string, string> = options.after > 0 ? { "last-event-id": String(options.after) } : {};
    options.pool.dispatch(
      {
        method: "GET",
        path: options.path,
        headers: { authorization: `Bearer ${options.apiKey}`, accept: "text/event-stream", ...resumed },
      },
      {
        onRequestStart: () => undefined,
        onResponseStart: (_controller, its) => {
          status = its;
          if (status === 200) options.onOpen();
          else if (status !== 503) reject(new Error(`The stream answered ${status}`));
        },
        // Only noted here: whatever this process does with a chunk makes all that wait behind it look late.
        onResponseData: (_controller, chunk) => {
          if (status !== 200) return;
          options.chunks.push({ at: performance.timeOrigin + performance.now(), bytes: Buffer.from(chunk) });
        },
        onResponseEnd: () => resolve(status === 503 ? "refused" : "ended"),
        onResponseError: (_controller, error) => (status === 200 ? resolve("cut") : reject(error)),
      },
    );
  });
}

/**
 * Opens many event streams on one execution and reads them to their end: how late each event was, and whether each reader
 * got every event once and in order.
 */
export async function streamDelays(
  muster: BenchMuster,
  executionId: string,
  subscribers: number,
): Promise<StreamDelays> {
  const pool = new Pool(muster.url ?? "", {
    connections: subscribers,
    pipelining: 1,
    bodyTimeout: 0,
    headersTimeout: 0,
  });
  const path = `/api/v1/executions/${executionId}/events`;
  /** What each reader got over each of its connections. */
  const readers: Arrival[][][] = [];
  let open = 0;
  let cut = 0;
  /** Events from before the last stream was open are history. */
  let openAt = Number.POSITIVE_INFINITY;
  let memoryBytes = 0;
  const watcher = async (number: number) => {
    const connections: Arrival[][] = [];
    readers.push(connections);
    await sleep(number * openEveryMs);
    let after = 0;
    for (;;) {
      const chunks: Arrival[] = [];
      const onOpen = () => {
        const isFirst = connections.length === 0;
        connections.push(chunks);
        if (!isFirst || ++open < subscribers) return;
        // Not in between: to read it takes long enough to make events look late.
        memoryBytes = muster.memoryBytes();
        openAt = performance.timeOrigin + performance.now();
      };
      const how = await readOnce({ pool, path, apiKey: muster.apiKey, after, chunks, onOpen });
      if (how === "ended") return;
      if (how === "cut") {
        cut++;
        after = readStream(chunks, 0).seqs.at(-1) ?? after;
      }
      // A crowd that comes at once is partly sent away (503, Retry-After) and comes again, as clients do.
      await sleep(retryMs);
    }
  };
  try {
    await Promise.all(Array.from({ length: subscribers }, (_, number) => watcher(number)));
    memoryBytes = Math.max(memoryBytes, muster.memoryBytes());
  } finally {
    await pool.destroy();
  }
  const delays: number[] = [];
  let faults = noFaults;
  for (const connections of readers) {
    const readings = connections.map((chunks) => readStream(chunks, openAt));
    for (const reading of readings) for (const delay of reading.delays) delays.push(delay);
    const seqs = readings.flatMap((reading) => reading.seqs);
    faults = addFaults(faults, faultsOf(seqs, readings.at(-1)?.ended ?? false));
  }
  return { delays: Float64Array.from(delays).sort(), faults, cut, memoryBytes };
}
