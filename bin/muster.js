#!/usr/bin/env -S node --max-semi-space-size=16 --no-allocation-site-pretenuring --heap-growing-percent=60
// The command `muster`. Runs on any Node; the product itself needs one that reads TypeScript (≥ 22.18), so an older
// one hands over to the Node 24 that `npm ci` brought along.
import { spawn } from "node:child_process";
import module from "node:module";
import { fileURLToPath } from "node:url";
import { findNode, isNewEnough } from "../scripts/find-node.js";

// As in the first line and in `npm start`: docs/decisions/0039-a-small-young-generation.md, 0048 and 0113.
const nodeFlags = ["--max-semi-space-size=16", "--no-allocation-site-pretenuring", "--heap-growing-percent=60"];

if (isNewEnough(process.versions.node)) {
  // Types are taken out and code is compiled once, not at every start: docs/decisions/0078-compiled-code-is-kept.md. Beside
  // the packages and not in the system's folder for temporary files, where others could leave code to be run.
  // In the environment, since threads and API processes that are started from here look for it there.
  process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL("../node_modules/.cache/muster", import.meta.url));
  module.enableCompileCache();
  // It is written at a regular end; a server may be killed.
  setTimeout(module.flushCompileCache, 10_000).unref();
  await import("../src/cli/main.ts");
} else {
  const node = findNode();
  if (node === null) {
    console.error(
      `muster needs Node 24 or newer (this is ${process.versions.node}): install it, or run "npm ci" first.`,
    );
    process.exit(1);
  }
  const child = spawn(node, [...nodeFlags, ...process.argv.slice(1)], { stdio: "inherit" });
  // A terminal sends Ctrl-C to both processes; only a signal sent to this one alone has to be handed on.
  process.on("SIGINT", () => process.stdin.isTTY || child.kill("SIGINT"));
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    console.error(`muster could not start ${node}: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => process.exit(signal === null ? code : 128));
}
