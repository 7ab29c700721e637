import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { migrate, openDatabase, startEmbeddedPostgres } from "#db";
import { startOpenAiServer } from "../../test/support/llm/index.ts";
import { type BenchRow, judged, round } from "../harness/row.ts";
import { benchFolder } from "../support/bench-folder.ts";

const limit = 50;
const windowMs = 60_000;
/** The first window is left out: the processes come up in it. */
const windows = 3;
const squads = ["a", "b", "c", "d"];
const worker = fileURLToPath(new URL("../../test/support/llm/rate-worker.ts", import.meta.url));

/** The most starts within any stretch of one window, as the provider saw them. */
function mostIn(times: readonly number[]): number {
  let most = 0;
  for (let first = 0, last = 0; last < times.length; last++) {
    while ((times[last] ?? 0) - (times[first] ?? 0) >= windowMs) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

/** Four processes that share one account's 50 requests a minute over PostgreSQL, each with more to ask than there is room. */
export async function slidingWindowRow(): Promise<BenchRow> {
  const folder = benchFolder("window");
  const postgres = await startEmbeddedPostgres({ dataDir: join(folder, "postgres"), maxConnections: 50 });
  const provider = await startOpenAiServer();
  try {
    const pool = { poolMin: 1, poolMax: 2, idleTimeoutMs: 1_000, connectionTimeoutMs: 5_000, slowQueryMs: 60_000 };
    const db = await openDatabase({ url: postgres.tcpUrl, ...pool });
    await migrate(db.pool);
    await db.close();
    const durationMs = (windows + 1) * windowMs + 5_000;
    const figures = [limit, windowMs, durationMs].map(String);
    await Promise.all(
      squads.map((squad) =>
        promisify(execFile)(process.execPath, [worker, postgres.tcpUrl, provider.url, ...figures, squad]),
      ),
    );
    const times = provider.requests.map(({ atMs }) => atMs);
    const from = (times[0] ?? Number.NaN) + windowMs;
    const used = times.filter((at) => at >= from && at < from + windows * windowMs).length / (windows * limit);
    const most = mostIn(times);
    return judged(
      {
        group: "LLM gateway",
        metric: "sliding window of 50 a minute, 4 processes on PostgreSQL",
        floor: null,
        target: "never more than 50 in any 60 s; ≥ 95 % used under load",
        figure: `${most} at most, ${round(used * 100)} % used`,
        note: `${times.length} calls at the provider in ${windows + 1} windows; all waited for room`,
      },
      most <= limit && used >= 0.95,
    );
  } finally {
    await provider.close();
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
