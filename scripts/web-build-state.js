// Tells whether the built web UI is there and newer than what it is built from.
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

function newestMtimeMs(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/[\\/](\.next|out|node_modules)([\\/]|$)/.test(entry.parentPath))
    .filter((entry) => entry.name !== "next-env.d.ts" && !/\.(test\.ts|md|tsbuildinfo)$/.test(entry.name))
    .reduce((newest, entry) => Math.max(newest, statSync(join(entry.parentPath, entry.name)).mtimeMs), 0);
}

/** True when there is nothing to build (no web UI in this checkout, or the build is newer than its sources). */
export function isWebBuilt() {
  if (!existsSync(join(root, "web/app"))) return true;
  const page = join(root, "web/out/index.html");
  if (!existsSync(page)) return false;
  return (
    statSync(page).mtimeMs > Math.max(newestMtimeMs(join(root, "web")), newestMtimeMs(join(root, "src/contracts")))
  );
}
