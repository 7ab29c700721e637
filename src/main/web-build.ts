import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { isWebBuilt } from "./build-web-once.ts";

const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url));

/**
 * Builds the web UI when a checkout has none yet, which takes about a minute, once, however many processes start together. An
 * installation without the UI's sources or tools serves the API alone. The server could start without it, but a newcomer would
 * meet an empty page. False when the build failed; its own words are then on stderr.
 */
export async function buildWebIfMissing(): Promise<boolean> {
  const folder = path("web");
  if (isWebBuilt(folder) || !existsSync(path("web/app")) || !existsSync(path("node_modules/next"))) return true;
  // A process of its own holds the lock: when this one is killed, the build goes on and whoever comes next waits for it.
  const program = fileURLToPath(new URL("./web-builder.ts", import.meta.url));
  const builder = spawn(process.execPath, [program, folder, process.execPath, path("scripts/build-web.js")], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const [code] = (await once(builder, "exit")) as [number | null];
  return code === 0;
}
