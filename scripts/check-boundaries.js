// Runs dependency-cruiser over the source and fails on a violation, and when it did not see every source file.
import { existsSync, readdirSync } from "node:fs";
import { resolve } from "node:path";
import { cruise } from "dependency-cruiser";
import extractOptions from "dependency-cruiser/config-utl/extract-depcruise-options";
import extractTsConfig from "dependency-cruiser/config-utl/extract-ts-config";

/** Source files below a folder, as paths with forward slashes. */
function sourceFiles(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name) && !entry.name.endsWith(".d.ts"))
    .map((entry) => `${entry.parentPath}/${entry.name}`.replaceAll("\\", "/"))
    .filter((path) => !/(^|\/)(node_modules|\.next|out)\//.test(path));
}

const options = await extractOptions("./.dependency-cruiser.cjs");
const seen = new Set();
let violations = 0;

/** Cruises the folders and prints what breaks a rule. */
async function check(folders, tsConfigFile) {
  const tsConfig = extractTsConfig(resolve(tsConfigFile));
  const { output } = await cruise(folders, { ...options, tsConfig: { fileName: tsConfigFile } }, undefined, {
    tsConfig,
  });
  for (const module of output.modules) seen.add(module.source);
  for (const { from, to, rule } of output.summary.violations) console.error(`${rule.name}: ${from} → ${to}`);
  violations += output.summary.violations.length;
}

const folders = ["src", "test", "bench", "examples"].filter((folder) => existsSync(folder));
await check(folders, "tsconfig.json");
if (existsSync("web/tsconfig.json")) {
  folders.push("web");
  await check(["web"], "web/tsconfig.json");
}

const missed = folders.flatMap(sourceFiles).filter((path) => !seen.has(path));
if (missed.length > 0) console.error(`dependency-cruiser did not see ${missed.length} files, e.g. ${missed[0]}`);
console.log(`boundaries: ${seen.size} modules seen, ${violations} violations`);
process.exitCode = violations > 0 || missed.length > 0 ? 1 : 0;
