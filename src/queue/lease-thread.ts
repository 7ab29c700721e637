import { parentPort, workerData } from "node:worker_threads";
import pg from "pg";
import { monotonicMs } from "./worker-lease.ts";

/** Runs in a thread of its own: renews one row of `workers` on one connection, and reconnects by itself. */
const { databaseUrl, workerId, identity, shared, renewIntervalMs, stallLimitMs } = workerData as {
  databaseUrl: string;
  workerId: string;
  identity: { hostKey: string; pid: number; pidStarted: string };
  shared: SharedArrayBuffer;
  renewIntervalMs: number;
  stallLimitMs: number;
};
const times = new Float64Array(shared, 0, 2);
const port = parentPort;
if (!port) throw new Error("lease-thread.ts runs as a worker thread only.");

let client: pg.Client | null = null;
let releasing = false;

async function connected(): Promise<pg.Client> {
  if (client) return client;
  const next = new pg.Client({
    connectionString: databaseUrl,
    application_name: "muster-lease",
    connectionTimeoutMillis: 2_000,
    query_timeout: 4_000,
  });
  next.on("error", () => {
    if (client === next) client = null;
  });
  next.on("end", () => {
    if (client === next) client = null;
  });
  await next.connect();
  client = next;
  return next;
}

async function renew(): Promise<boolean> {
  const now = monotonicMs();
  if (now - (times[1] ?? 0) > stallLimitMs) return true;
  const { rowCount } = await (await connected()).query(
    "UPDATE workers SET heartbeat_at = clock_timestamp() WHERE id = $1",
    [workerId],
  );
  if (rowCount === 0) return false;
  times[0] = now;
  return true;
}

async function loop(): Promise<void> {
  while (!releasing) {
    let delayMs = renewIntervalMs;
    try {
      if (!(await renew())) {
        port?.postMessage({ type: "lost" });
        return;
      }
    } catch {
      // The main thread sees the age of the last renewal and stops starting things; here it is only tried again, soon.
      client?.end().catch(() => undefined);
      client = null;
      delayMs = 200;
    }
    await new Promise((resolve) => setTimeout(resolve, delayMs));
  }
}

port.on("message", async (message: { type: string }) => {
  if (message.type !== "release") return;
  releasing = true;
  try {
    await (await connected()).query("DELETE FROM workers WHERE id = $1", [workerId]);
    await client?.end();
  } catch {
    // The row then ends with the lease, ten seconds later.
  }
  process.exit(0);
});

try {
  await (await connected()).query("INSERT INTO workers (id, host_key, pid, pid_started) VALUES ($1, $2, $3, $4)", [
    workerId,
    identity.hostKey,
    identity.pid,
    identity.pidStarted,
  ]);
  times[0] = monotonicMs();
  port.postMessage({ type: "held" });
  await new Promise((resolve) => setTimeout(resolve, renewIntervalMs));
  await loop();
} catch (error) {
  port.postMessage({ type: "failed", error: error instanceof Error ? error.message : String(error) });
}
