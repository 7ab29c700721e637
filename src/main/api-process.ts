import { randomUUID } from "node:crypto";
import { loadConfig } from "#config";
import type { MetricsSnapshot } from "#metrics";
import type { FromApiProcess, ToApiProcess } from "./api-processes.ts";
import { startMuster } from "./start-muster.ts";

/** One of several API processes on a machine, started by `startApiProcesses` (node:cluster shares the port). */
const questions = new Map<string, (snapshots: MetricsSnapshot[]) => void>();
const snapshotTimeoutMs = 2_000;

function tell(message: FromApiProcess): void {
  process.send?.(message);
}

/** Figures of this machine's other processes; whoever does not answer in time is left out. */
function otherProcesses(): Promise<MetricsSnapshot[]> {
  const id = randomUUID();
  return new Promise((resolve) => {
    const done = (snapshots: MetricsSnapshot[]) => {
      clearTimeout(timer);
      questions.delete(id);
      resolve(snapshots);
    };
    const timer = setTimeout(() => done([]), snapshotTimeoutMs);
    questions.set(id, done);
    tell({ type: "ask-snapshots", id });
  });
}

const muster = await startMuster(loadConfig(), { issueClaim: false, otherProcesses });

async function stop(): Promise<void> {
  await muster.stop();
  process.exit(0);
}

process.on("message", (message: ToApiProcess) => {
  if (message.type === "stop") void stop();
  else if (message.type === "ask-snapshot") {
    void muster.core.metrics.snapshot().then((snapshot) => tell({ type: "snapshot", id: message.id, snapshot }));
  } else questions.get(message.id)?.(message.snapshots);
});
// The first process is gone: nobody would stop or restart this one.
process.on("disconnect", () => void stop());
// Ctrl-C reaches the whole group; the first process decides.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => void stop());
tell({ type: "ready", url: muster.url ?? "" });
