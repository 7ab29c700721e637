import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** Names one process for as long as it lives: a reused pid or a restarted container is another one. */
export interface ProcessIdentity {
  host: string;
  pid: number;
  /** Pid namespace and start time in clock ticks (Linux, proc(5)); empty where the system does not tell. */
  birth: string;
}

/** Start of a process, or null when there is no such process. Empty where only its existence can be known. */
function birthOf(pid: number): string | null {
  if (process.platform === "linux") {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      // The name in parentheses may hold spaces; what follows it is "state ppid …", the 20th of which is the start time.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (fields[0] === "Z") return null;
      return `${readlinkSync("/proc/self/ns/pid")}:${fields[19]}`;
    } catch {
      return null; // No such entry: the process is gone.
    }
  }
  return isPidInUse(pid) ? "" : null;
}

/** True when a process with this number exists, whoever owns it. */
export function isPidInUse(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

export function ownIdentity(): ProcessIdentity {
  return { host: hostname(), pid: process.pid, birth: birthOf(process.pid) ?? "" };
}

/** True or false for a process of this machine, null for one of another machine. */
export function isAlive(identity: ProcessIdentity): boolean | null {
  if (identity.host !== hostname()) return null;
  return birthOf(identity.pid) === identity.birth;
}
