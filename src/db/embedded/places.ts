import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { canReach, type ServiceUser, serviceUser } from "./service-user.ts";

/** Where root keeps what a service user must reach when the data folder is out of its reach. */
const systemFolder = "/var/lib/muster";

/** The files of one embedded server. All but the cluster itself lie in Muster's data folder. */
export interface Places {
  /** PGDATA. */
  cluster: string;
  password: string;
  log: string;
  lock: string;
  users: string;
  /** For a copy of the programs, when the installed ones are out of reach. */
  binaries: string;
  user: ServiceUser | null;
}

/**
 * Decides where the server lives and who runs it; the decision is kept, so that a later change of rights never makes a
 * second, empty database.
 */
export function choosePlaces(dataDir: string): Places {
  // Traversable for the service user; what is secret in it has its own rights.
  mkdirSync(dataDir, { recursive: true, mode: process.getuid?.() === 0 ? 0o711 : 0o700 });
  const inside = join(dataDir, "postgres");
  const note = join(dataDir, "postgres-location");
  const noted = existsSync(note) ? readFileSync(note, "utf8").trim() : null;
  const user = serviceUser(noted ?? inside);
  const places = (cluster: string): Places => ({
    cluster,
    password: join(dataDir, "postgres-password"),
    log: join(dataDir, "postgres.log"),
    lock: join(dataDir, "postgres.lock"),
    users: join(dataDir, "postgres-users"),
    binaries: user === null ? dataDir : systemFolder,
    user,
  });
  if (noted !== null) return places(noted);
  if (canReach(user, dataDir)) return places(inside);
  if (existsSync(inside)) {
    throw new Error(
      `The user ${user?.name} that runs PostgreSQL cannot reach ${inside} any more: give the folders above it the right x`,
    );
  }
  const outside = join(systemFolder, createHash("sha256").update(dataDir).digest("hex").slice(0, 16), "postgres");
  mkdirSync(join(outside, ".."), { recursive: true, mode: 0o711 });
  writeFileSync(note, `${outside}\n`);
  return places(outside);
}
