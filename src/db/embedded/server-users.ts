import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { foreignTimeoutMs, isHeldByLiving } from "./folder-lock.ts";
import { isAlive, ownIdentity, type ProcessIdentity } from "./process-identity.ts";

/** The processes that use the embedded server of a data folder: one file each. The last one out stops the server. */
export interface ServerUsers {
  /** Other users that live, after the files of dead ones were cleared away. */
  others(): number;
  /** A living user on another machine, which has the same folder mounted; null when there is none. */
  foreigner(): Foreigner | null;
  leave(): void;
}

export interface Foreigner extends ProcessIdentity {
  /** When it last gave a sign of life (its machine's clock, or the file server's). */
  seenAtMs: number;
}

interface Entry {
  path: string;
  identity: ProcessIdentity;
}

/** Registers this process. The folder's lock must be held while the answers of `others` and `foreigner` are acted upon. */
export function joinServerUsers(folder: string): ServerUsers {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const own = join(folder, `${process.pid}-${Math.random().toString(36).slice(2)}`);
  writeFileSync(own, JSON.stringify(ownIdentity()), { mode: 0o600 });
  // Tells other machines that this one lives; on the same machine the process itself is looked at.
  const beat = setInterval(() => {
    try {
      utimesSync(own, new Date(), new Date());
    } catch {
      // The folder was taken away under us: nothing to tell any more.
      clearInterval(beat);
    }
  }, foreignTimeoutMs / 4);
  beat.unref();

  const living = (): Entry[] => {
    const entries: Entry[] = [];
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      if (path === own) continue;
      const text = readFileSync(path, "utf8");
      if (isHeldByLiving(path, text)) entries.push({ path, identity: JSON.parse(text) as ProcessIdentity });
      else rmSync(path, { force: true });
    }
    return entries;
  };
  return {
    others: () => living().length,
    foreigner: () => {
      const entry = living().find(({ identity }) => isAlive(identity) === null);
      const stat = entry && statSync(entry.path, { throwIfNoEntry: false });
      return entry === undefined || stat === undefined ? null : { ...entry.identity, seenAtMs: stat.mtimeMs };
    },
    leave: () => {
      clearInterval(beat);
      rmSync(own, { force: true });
    },
  };
}
