import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";

/** The unprivileged user that runs the server when Muster itself runs as root, which PostgreSQL refuses. */
export interface ServiceUser {
  name: string;
  uid: number;
  gid: number;
}

const candidates = ["postgres", "nobody"];

function readUsers(): ServiceUser[] {
  return readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"))
    .filter((fields) => fields.length >= 4)
    .map(([name = "", , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }));
}

/**
 * The user to run the server as, or null to run it as whoever we are. An existing data folder stays its owner's.
 * @throws when root has nobody to run it as.
 */
export function serviceUser(existingDataFolder: string): ServiceUser | null {
  if (process.getuid?.() !== 0) return null;
  const users = readUsers();
  const owner = statSync(existingDataFolder, { throwIfNoEntry: false });
  if (owner !== undefined && owner.uid !== 0) {
    return users.find((user) => user.uid === owner.uid) ?? { name: String(owner.uid), uid: owner.uid, gid: owner.gid };
  }
  const user = candidates
    .map((name) => users.find((entry) => entry.name === name))
    .find((entry) => entry !== undefined);
  if (user === undefined) {
    throw new Error(
      'PostgreSQL does not run as root: create a user "postgres", run Muster as another user, or set DATABASE_URL',
    );
  }
  return user;
}

/** True when the user can enter the folder or run the file at this path. Asks the system itself, as that user. */
export function canReach(user: ServiceUser | null, path: string): boolean {
  const identity = user === null ? {} : { uid: user.uid, gid: user.gid };
  const { status } = spawnSync("/bin/sh", ["-c", 'test -x "$1"', "sh", path], { ...identity, cwd: "/", env: {} });
  return status === 0;
}
