// The test run itself; needs Node 24. See test.js.
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { relative } from "node:path";
import { run } from "node:test";
import { fileURLToPath } from "node:url";
import { startSharedPostgres } from "../test/support/database.ts";
import { ensureTools } from "./ensure-tools.js";
import { isWebBuilt } from "./web-build-state.js";

const root = fileURLToPath(new URL("..", import.meta.url));
/**
 * The longest a whole file may take, and one test in it. They only end what hangs: a slow machine, or one with busy
 * neighbours, takes five to ten times what a quick one does and must not fail by that.
 */
const limits = { fileMs: 1_500_000, testMs: 480_000 };
const longLimits = { fileMs: 3_600_000, testMs: 3_600_000 };
const watchdog = new URL("./test-watchdog.js", import.meta.url).href;

/** The order of the folders: what is fast and likely to say why something broke comes first. */
const order = ["src/", "test/docs", "test/contract", "test/security", "test/flow", "test/crash", "test/e2e"];

/** Several processes each, and times that count: one file after the other, or they wait for each other. */
const isAlone = (path) => /^test\/(crash|many-processes)\//.test(path);
/** They wait for real minutes to pass and need no core for it: beside the others instead of in the place of one. */
const isWaiting = (path) => /\/(rate-governor|http-slow-clients|faults|read-replica)\.test\.ts$/.test(path);
/** A browser beside everything else. */
const isInBrowser = (path) => path.startsWith("test/e2e");
/** Browser tests that are played only when they are named: docs/decisions/0098. */
const isLong = (path) => path.startsWith("test/e2e-long/");
/** Starts Muster as a user does, with its UI. */
const needsWeb = (path) => isAlone(path) || isInBrowser(path);

function rank(path) {
  const index = order.findIndex((prefix) => path.startsWith(prefix));
  return index === -1 ? order.length - 3 : index;
}

function testFiles(paths) {
  const isWhole = paths.length === 0;
  const patterns = isWhole ? ["src", "test", "web"] : paths;
  const files = patterns.flatMap((path) =>
    path.endsWith(".test.ts") ? [path] : globSync(`${path}/**/*.test.ts`, { cwd: root }),
  );
  return [...new Set(files)]
    .filter((path) => !path.includes("node_modules") && !(isWhole && isLong(path)))
    .sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

function describeError(error) {
  const cause = error?.cause ?? error;
  return String(cause?.stack ?? cause?.message ?? cause)
    .split("\n")
    .slice(0, 30)
    .map((line) => `      ${line}`)
    .join("\n");
}

/**
 * Runs the files and prints a line for each, with what failed. Counts leaf tests; a file that dies counts as one failure.
 * A file of browser tests that failed is played once more, by itself, and then counts as it ended there; which ones passed
 * only so is in `onlyAgain` (docs/decisions/0094). No other file gets a second chance.
 */
async function execute(files, { fileMs, testMs }) {
  process.env.TEST_FILE_LIMIT_MS = String(fileMs);
  const counts = { passed: 0, failed: 0, skipped: 0 };
  /** What each file of browser tests that failed added to the counts. */
  const broken = new Map();
  const started = Date.now();
  const options = { timeout: testMs, cwd: root, execArgv: ["--import", watchdog] };
  const isSuite = (test) => test.details?.type === "suite";
  const isFile = (test) =>
    test.nesting === 0 && files.some((file) => test.name === file || test.name.endsWith(`/${file}`));
  const play = async (group, concurrency) => {
    if (group.length === 0) return;
    const stream = run({ files: group, concurrency, ...options });
    stream.on("test:pass", (test) => {
      if (isSuite(test) || isFile(test)) return;
      const kind = test.skip !== undefined || test.todo !== undefined ? "skipped" : "passed";
      counts[kind]++;
    });
    stream.on("test:fail", (test) => {
      const error = test.details?.error;
      // A suite or parent that failed only because of what is in it has been counted already.
      if (error?.failureType === "subtestsFailed") return;
      counts.failed++;
      console.log(`\n  ✖ ${relative(root, test.file ?? "")} › ${test.name}\n${describeError(error)}\n`);
    });
    stream.on("test:stderr", ({ message }) => process.stderr.write(message));
    stream.on(
      "test:summary",
      ({ file, duration_ms: durationMs, counts: { passed, failed: notPassed, cancelled, skipped } }) => {
        if (file === undefined) return;
        // The runner's own counts: tests that several files share are defined in another one.
        const failed = notPassed + cancelled;
        if (failed > 0 && isInBrowser(relative(root, file)))
          broken.set(relative(root, file), { passed, failed, skipped });
        const skips = skipped > 0 ? `, ${skipped} skipped` : "";
        const mark = failed === 0 ? "✔" : "✖";
        console.log(
          `${mark} ${relative(root, file)}  ${passed} passed, ${failed} failed${skips}  ${Math.round(durationMs)} ms`,
        );
      },
    );
    for await (const _ of stream);
  };
  await Promise.all([
    play(
      files.filter((file) => !isAlone(file) && !isWaiting(file)),
      2,
    ),
    play(files.filter(isWaiting), 1),
  ]);
  await play(files.filter(isAlone), 1);
  const onlyAgain = [];
  for (const [file, before] of [...broken]) {
    console.log(`\nonce more, by itself: ${file}`);
    for (const kind of Object.keys(counts)) counts[kind] -= before[kind];
    const failedBefore = counts.failed;
    await play([file], 1);
    if (counts.failed === failedBefore) onlyAgain.push(file);
  }
  console.log(`\n${files.length} files in ${Math.round((Date.now() - started) / 1000)} s`);
  return { ...counts, onlyAgain };
}

/** Runs the tests named (all when none is) and returns the exit code. */
export async function runTests(args) {
  const long = args.includes("--long");
  const paths = args.filter((arg) => !arg.startsWith("--"));
  const files = testFiles(paths);
  if (files.length === 0) {
    console.error("No test file matches.");
    return 1;
  }
  if (!ensureTools()) return 1;
  // Several processes that start at once would all build it.
  if (files.some(needsWeb) && !isWebBuilt()) {
    const { status } = spawnSync(process.execPath, ["scripts/build-web.js"], { cwd: root, stdio: "inherit" });
    if (status !== 0) return status ?? 1;
  }
  if (long) process.env.TEST_LONG = "1";
  // Each file is a process that would compile the same code again.
  process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL("../node_modules/.cache/tests", import.meta.url));
  const postgres = await startSharedPostgres();
  process.env.TEST_DATABASE_URL = postgres.url;
  // The server is a process of its own and would outlive an interrupted run.
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => void postgres.stop().finally(() => process.exit(1)));
  }
  try {
    const { passed, failed, skipped, onlyAgain } = await execute(files, long ? longLimits : limits);
    for (const file of onlyAgain) console.log(`${file} failed beside the others and passed by itself`);
    console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
    return failed === 0 && passed > 0 ? 0 : 1;
  } finally {
    await postgres.stop();
  }
}
