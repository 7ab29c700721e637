import { linkSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { isAlive, ownIdentity, type ProcessIdentity } from "./process-identity.ts";

/** A holder on another machine (a volume shared by containers) counts as dead when its file is older than this. */
export const foreignTimeoutMs = 20_000;
const retryMs = 20;

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

/** Content of a file, or null when it is gone. */
function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  }
}

/** True when whoever wrote the file is still there. Unreadable content counts as left over. */
export function isHeldByLiving(path: string, text: string): boolean {
  let identity: ProcessIdentity;
  try {
    identity = JSON.parse(text) as ProcessIdentity;
  } catch {
    return false; // Cut short by a crash while it was written.
  }
  const alive = isAlive(identity);
  if (alive !== null) return alive;
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && Date.now() - stat.mtimeMs < foreignTimeoutMs;
}

/** Takes away the lock of a dead process. Two that do so at once never take a living one's. */
function breakLock(path: string, seen: string): void {
  const aside = `${path}.${process.pid}.stale`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return;
    throw error;
  }
  if (readFileSync(aside, "utf8") !== seen) {
    // Somebody else was faster and this is their fresh lock: give it back.
    try {
      linkSync(aside, path);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    }
  }
  rmSync(aside, { force: true });
}

/**
 * Waits until this process alone holds the lock file and returns what releases it. Locks of dead processes are broken.
 * @throws when a living process keeps it for longer than `timeoutMs`.
 */
export async function acquireFolderLock(path: string, timeoutMs: number): Promise<() => void> {
  const mine = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  writeFileSync(mine, JSON.stringify(ownIdentity()), { mode: 0o600 });
  const deadline = Date.now() + timeoutMs;
  try {
    for (;;) {
      try {
        linkSync(mine, path); // Fails when it exists: the one atomic "create with content" of every file system.
        return () => rmSync(path, { force: true });
      } catch (error) {
        if (codeOf(error) !== "EEXIST") throw error;
      }
      const seen = readIfThere(path);
      if (seen !== null && !isHeldByLiving(path, seen)) breakLock(path, seen);
      else if (Date.now() > deadline) throw new Error(`Another process holds ${path}: ${seen ?? "(it changed hands)"}`);
      else await delay(retryMs);
    }
  } finally {
    rmSync(mine, { force: true });
  }
}
