import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CommandError } from "./exit.ts";

const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url));

/**
 * Builds the web UI when a checkout has none yet, which takes about a minute, once. An installation without the UI's
 * sources or tools serves the API alone. The server could start without it, but a newcomer would meet an empty page.
 */
export async function buildWebIfMissing(): Promise<void> {
  if (existsSync(path("web/out/index.html")) || !existsSync(path("web/app"))) return;
  if (!existsSync(path("node_modules/next"))) return;
  process.stdout.write("Building the web UI (once, about a minute) …\n");
  const build = spawn(process.execPath, [path("scripts/build-web.js")], { stdio: ["ignore", "ignore", "inherit"] });
  const [code] = (await once(build, "exit")) as [number | null];
  if (code !== 0) {
    throw new CommandError(
      "the web UI could not be built: run `npm run build` to see why, or start with MUSTER_ROLE=worker",
    );
  }
}
