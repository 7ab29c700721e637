import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { Worker } from "node:worker_threads";

/** The lease of a worker process: while it is renewed, the executions that name the worker are its own. */
export interface WorkerLease {
  readonly workerId: string;
  /** Milliseconds since the last successful renewal. */
  ageMs(): number;
  /** True when the worker must not start anything: it could not renew for 60 % of the lease, or the lease was taken away. */
  doubtful(): boolean;
  /** Gives the lease back; executions that still name this worker are then free. */
  release(): Promise<void>;
}

export const leaseMs = 10_000;
export const renewIntervalMs = 3_000;
/** A main thread that has not answered for this long is stalled, not busy: the lease is no longer renewed for it. */
export const stallLimitMs = 60_000;

/** What tells this process apart from every other, for neighbours on the same machine. */
export interface ProcessIdentity {
  hostKey: string;
  pid: number;
  pidStarted: string;
}

/** Identity of this process. The host key names machine, boot and pid namespace, so a pid means the same to all who share it. */
export function processIdentity(): ProcessIdentity {
  return { hostKey: hostKey(), pid: process.pid, pidStarted: processStart(process.pid) ?? "unknown" };
}

function hostKey(): string {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${hostname()} ${boot} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch (error) {
    // Not Linux: neighbours cannot look, the lease alone decides.
    return `${hostname()} ${process.pid} ${error instanceof Error ? "no-proc" : ""}`;
  }
}

/** Start time of a process in clock ticks since boot (field 22 of proc(5) stat); null when there is no such process. */
export function processStart(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A zombie holds its entry but runs no more.
    return fields[0] === "Z" ? null : (fields[19] ?? null);
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ESRCH")) return null;
    throw error;
  }
}

/**
 * Registers a worker and keeps its lease from a thread of its own, which a blocked event loop cannot stop.
 * `onLost` is called when the lease was taken away. Rejects when the database cannot be reached.
 */
export async function takeLease(options: {
  databaseUrl: string;
  workerId: string;
  onLost: () => void;
}): Promise<WorkerLease> {
  const shared = new SharedArrayBuffer(24);
  // [0] last renewal, [1] last sign of life of the main thread; monotonic milliseconds (a moved clock must not matter).
  const times = new Float64Array(shared, 0, 2);
  times[1] = monotonicMs();
  const identity = processIdentity();
  const thread = new Worker(new URL("./lease-thread.ts", import.meta.url), {
    workerData: { ...options, onLost: undefined, identity, shared, renewIntervalMs, stallLimitMs },
  });
  const alive = setInterval(() => {
    times[1] = monotonicMs();
  }, 500);
  alive.unref();
  let lost = false;
  let released = false;
  await new Promise<void>((resolve, reject) => {
    thread.on("message", (message: { type: string; error?: string }) => {
      if (message.type === "held") resolve();
      else if (message.type === "failed") reject(new Error(`The worker could not register: ${message.error}`));
      else if (message.type === "lost" && !released) {
        lost = true;
        options.onLost();
      }
    });
    thread.on("error", reject);
  });
  thread.on("error", () => {
    lost = true;
    options.onLost();
  });
  thread.unref();
  const ageMs = () => monotonicMs() - (times[0] ?? 0);
  return {
    workerId: options.workerId,
    ageMs,
    doubtful: () => lost || released || ageMs() > leaseMs * 0.6,
    async release() {
      if (released) return;
      released = true;
      clearInterval(alive);
      const gone = new Promise((resolve) => thread.once("exit", resolve));
      thread.postMessage({ type: "release" });
      const timeout = setTimeout(() => void thread.terminate(), 1_000);
      await gone;
      clearTimeout(timeout);
    },
  };
}

/** Milliseconds of the system's monotonic clock: the same in every thread, untouched by changes of the time of day. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}
