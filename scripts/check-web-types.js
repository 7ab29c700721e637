// Type check of the web UI, which has its own tsconfig. The types of its routes come from `next typegen`.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

const run = (command, args) =>
  spawnSync(command, args, { stdio: "inherit", env: { ...process.env, NEXT_TELEMETRY_DISABLED: "1" } }).status ?? 1;

if (existsSync("web/tsconfig.json")) {
  process.exitCode =
    run("node_modules/.bin/next", ["typegen", "web"]) || run("node_modules/.bin/tsc", ["--noEmit", "-p", "web"]);
}
