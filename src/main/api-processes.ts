import cluster, { type Worker } from "node:cluster";
import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import type { MetricsSnapshot } from "#metrics";
import type { Core } from "./compose-core.ts";

export type ToApiProcess =
  | { type: "stop" }
  | { type: "ask-snapshot"; id: string }
  | { type: "snapshots"; id: string; snapshots: MetricsSnapshot[] };

export type FromApiProcess =
  | { type: "ready"; url: string }
  | { type: "ask-snapshots"; id: string }
  | { type: "snapshot"; id: string; snapshot: MetricsSnapshot };

const restartDelayMs = 1_000;
const answerTimeoutMs = 1_500;
const stopTimeoutMs = 10_000;

/**
 * Starts `count` API processes that share one port, and starts again those that die. Resolves when all of them listen;
 * rejects when one dies before that.
 */
export async function startApiProcesses(core: Core, count: number): Promise<{ url: string; close(): Promise<void> }> {
  const answers = new Map<string, (snapshot: MetricsSnapshot) => void>();
  let stopping = false;
  cluster.setupPrimary({ exec: fileURLToPath(new URL("./api-process.ts", import.meta.url)), args: [] });

  function fork(): Promise<string> {
    const worker = cluster.fork({
      MUSTER_ROLE: "api",
      MUSTER_PROCESSES: "1",
      MUSTER_DATA_DIR: core.dataDir,
      DATABASE_URL: core.databaseUrl,
    });
    return new Promise((resolve, reject) => {
      worker.on("message", (message: FromApiProcess) => {
        if (message.type === "ready") resolve(message.url);
        else if (message.type === "snapshot") answers.get(message.id)?.(message.snapshot);
        else void collect(worker).then((snapshots) => send(worker, { type: "snapshots", id: message.id, snapshots }));
      });
      worker.on("exit", (code, signal) => {
        reject(
          new Error(`An API process ended before it listened (${signal ?? `exit code ${code}`}); its log says why.`),
        );
        if (stopping) return;
        core.logger.error({ pid: worker.process.pid, code, signal }, "an API process died; starting another");
        setTimeout(() => {
          if (!stopping)
            fork().catch((error: unknown) => core.logger.error({ err: error }, "an API process did not come back"));
        }, restartDelayMs);
      });
    });
  }

  /** Snapshots of this process and of all API processes but the one that asks. */
  async function collect(except: Worker): Promise<MetricsSnapshot[]> {
    const others = Object.values(cluster.workers ?? {}).filter(
      (one) => one !== undefined && one !== except,
    ) as Worker[];
    const asked = others.map(
      (worker) =>
        new Promise<MetricsSnapshot | null>((resolve) => {
          const id = randomUUID();
          const done = (snapshot: MetricsSnapshot | null) => {
            clearTimeout(timer);
            answers.delete(id);
            resolve(snapshot);
          };
          const timer = setTimeout(() => done(null), answerTimeoutMs);
          answers.set(id, done);
          send(worker, { type: "ask-snapshot", id });
        }),
    );
    const snapshots = await Promise.all([core.metrics.snapshot(), ...asked]);
    return snapshots.filter((snapshot) => snapshot !== null);
  }

  const urls = await Promise.all(Array.from({ length: count }, fork));
  return {
    url: urls[0] ?? "",
    async close() {
      stopping = true;
      const workers = Object.values(cluster.workers ?? {}).filter((one) => one !== undefined);
      await Promise.all(workers.map(end));
    },
  };
}

function send(worker: Worker, message: ToApiProcess): void {
  if (worker.isConnected()) worker.send(message);
}

function end(worker: Worker): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => worker.process.kill("SIGKILL"), stopTimeoutMs);
    worker.once("exit", () => {
      clearTimeout(timer);
      resolve();
    });
    if (worker.isDead()) resolve();
    else send(worker, { type: "stop" });
  });
}
