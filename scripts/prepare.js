// Runs after `npm ci`: makes `npx muster` find the command of this checkout (npm links only the commands of
// dependencies, so npx would ask the registry for a package of that name).
import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../node_modules/.bin/", import.meta.url));
const target = "../../bin/muster.js";

mkdirSync(folder, { recursive: true });
rmSync(`${folder}muster`, { force: true });
if (process.platform === "win32") {
  writeFileSync(
    `${folder}muster.cmd`,
    `@node --max-semi-space-size=16 --no-allocation-site-pretenuring --heap-growing-percent=60 "%~dp0\\${target.replaceAll("/", "\\")}" %*\r\n`,
  );
} else if (existsSync(new URL("../bin/muster.js", import.meta.url))) {
  symlinkSync(target, `${folder}muster`);
  chmodSync(new URL("../bin/muster.js", import.meta.url), 0o755);
}
