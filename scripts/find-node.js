// Finds a Node that runs TypeScript as it is. Used by files that an older Node must be able to read.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** True for a Node version that strips types without a flag (22.18, 23.6 and later). */
export function isNewEnough(version) {
  const [major, minor] = version.split(".").map(Number);
  return major >= 24 || (major === 23 && minor >= 6) || (major === 22 && minor >= 18);
}

/** Path of the Node 24 that `npm ci` installed for this platform, or null when there is none that works. */
export function findNode() {
  const path = fileURLToPath(new URL("../node_modules/.bin/node", import.meta.url));
  if (!existsSync(path)) return null;
  const { status, stdout } = spawnSync(path, ["--version"], { encoding: "utf8" });
  return status === 0 && isNewEnough(stdout.trim().slice(1)) ? path : null;
}
