// Builds the web UI to static files in web/out and keeps a Brotli and a gzip copy beside each file that gains by it,
// so that the server never compresses a file while somebody waits.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { buildFirstView } from "./build-first-view.js";
import { hintChunks } from "./hint-chunks.js";
import { slimPages } from "./slim-pages.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const compressible = /\.(html|js|css|json|svg|txt|xml|webmanifest|map|ico)$/;
const smallestBytes = 1024;

const build = spawnSync(process.execPath, [join(root, "node_modules/next/dist/bin/next"), "build", "web"], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, NEXT_TELEMETRY_DISABLED: "1", NODE_ENV: "production" },
});
if (build.status !== 0) process.exit(build.status ?? 1);

const brotli = promisify(brotliCompress);
const zip = promisify(gzip);
const folder = join(root, "web/out");
const slimmed = slimPages(folder);
console.log(`took ${Math.round(slimmed.bytes / 1024)} KB of repeated styles out of ${slimmed.files} files`);
console.log(`compile hints in ${hintChunks(join(folder, "_next/static/chunks"))} scripts`);
const files = readdirSync(folder, { recursive: true })
  .map((name) => join(folder, name))
  .filter((path) => compressible.test(path) && statSync(path).size >= smallestBytes);

await Promise.all(
  files.map(async (path) => {
    const bytes = readFileSync(path);
    const small = await brotli(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
    if (small.length < bytes.length) writeFileSync(`${path}.br`, small);
    const zipped = await zip(bytes, { level: 9 });
    if (zipped.length < bytes.length) writeFileSync(`${path}.gz`, zipped);
  }),
);
console.log(`compressed ${files.length} files in web/out`);
await buildFirstView(folder);
// What a build that was killed left behind is replaced (src/main/build-web-once.ts).
rmSync(join(root, "web/.build-unfinished"), { force: true });
