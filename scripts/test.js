// `npm test`: brings what the tests need (Node 24, Redis, Chromium, the built web UI, one shared PostgreSQL), runs them
// with node:test and ends with the line "N passed, N failed". Arguments: paths to run only those (`npm run test:e2e`
// names all browser tests, those that take long too); --long for the long form of the crash and load tests.
import { spawnSync } from "node:child_process";
import { findNode, isNewEnough } from "./find-node.js";

if (isNewEnough(process.versions.node)) {
  const { runTests } = await import("./run-tests.js");
  process.exitCode = await runTests(process.argv.slice(2));
} else {
  const node = findNode();
  if (node === null) {
    console.error(
      `The tests need Node 24 or newer (this is ${process.versions.node}): install it, or run "npm ci" first.`,
    );
    process.exit(1);
  }
  const { status } = spawnSync(node, process.argv.slice(1), { stdio: "inherit" });
  process.exitCode = status ?? 1;
}
