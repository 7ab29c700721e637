import { readdirSync, readFileSync } from "node:fs";

/** Linux counts CPU time in ticks of 10 ms (USER_HZ, proc(5)). */
const tickMs = 10;
const pageBytes = 4096;

interface ProcessRow {
  pid: number;
  parent: number;
  name: string;
  /** CPU of the process and of its children that ended and were waited for. */
  cpuMs: number;
  rssBytes: number;
}

function readProcess(pid: number): ProcessRow | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name, in brackets, may contain anything.
    const fields = stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .map(Number);
    const at = (field: number) => fields[field - 3] ?? 0;
    const name = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
    return {
      pid,
      parent: at(4),
      name,
      cpuMs: (at(14) + at(15) + at(16) + at(17)) * tickMs,
      rssBytes: at(24) * pageBytes,
    };
  } catch {
    // It ended between the listing and the reading.
    return null;
  }
}

/**
 * A process and all below it. Linux only: empty elsewhere. The embedded PostgreSQL, a child of the Muster that started it,
 * is a family of its own: it is asked for by its own root, and would be counted twice otherwise.
 */
function family(root: number): ProcessRow[] {
  let pids: number[];
  try {
    pids = readdirSync("/proc").map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
  const rows = pids.flatMap((pid) => readProcess(pid) ?? []);
  const found = rows.filter((row) => row.pid === root);
  const isServer = (row: ProcessRow) => row.name === "postgres";
  for (const parent of found)
    found.push(...rows.filter((row) => row.parent === parent.pid && isServer(row) === isServer(parent)));
  return found;
}

/** CPU of a process and all below it so far, in milliseconds (to 10 ms). */
export function cpuOfFamily(root: number): number {
  return family(root).reduce((sum, row) => sum + row.cpuMs, 0);
}

/** Proportional memory (PSS) of a process and all below it: shared pages count once. Bytes; RSS where PSS is not to be had. */
export function memoryOfFamily(root: number): number {
  return family(root).reduce((sum, row) => {
    try {
      const kilobytes = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${row.pid}/smaps_rollup`, "utf8"))?.[1];
      return sum + (kilobytes === undefined ? row.rssBytes : Number(kilobytes) * 1024);
    } catch {
      return sum + row.rssBytes;
    }
  }, 0);
}

/** The parent of a process; null when it is gone. */
export function parentOf(pid: number): number | null {
  return readProcess(pid)?.parent ?? null;
}

/** How many files (sockets too) this process and those that it starts may open; infinite where that is not known. */
export function openFilesLimit(): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
