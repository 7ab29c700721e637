import { readdirSync, readFileSync } from "node:fs";
import type { MusterProcess } from "./muster-process.ts";

/** What one process holds at one moment. */
export interface Gauge {
  atMs: number;
  /** Resident memory in bytes, as the kernel counts it. */
  memoryBytes: number;
  /** Open files, sockets, pipes and timers' handles. */
  handles: number;
}

/** Reads the process's gauges from the kernel. @throws when it has ended. */
export function readGauge(muster: MusterProcess): Gauge {
  const status = readFileSync(`/proc/${muster.pid}/status`, "utf8");
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kilobytes === undefined) throw new Error(`Process ${muster.pid} shows no memory`);
  return {
    atMs: Date.now(),
    memoryBytes: Number(kilobytes) * 1024,
    handles: readdirSync(`/proc/${muster.pid}/fd`).length,
  };
}

/** The middle of the numbers; 0 of none. */
export function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

/** How much a gauge grew from the second fifth of its time (when caches are warm) to the last fifth; medians of each. */
export function growthOf(values: readonly number[]): { from: number; to: number } {
  const fifth = Math.max(1, Math.floor(values.length / 5));
  return { from: median(values.slice(fifth, 2 * fifth)), to: median(values.slice(-fifth)) };
}
