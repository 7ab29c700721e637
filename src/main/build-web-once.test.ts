import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import { isWebBuilt } from "./build-web-once.ts";

/* Several processes start on a checkout that has no built UI; the build is a stand-in that goes on when it is told to. */

const program = fileURLToPath(new URL("./web-builder.ts", import.meta.url));

/** Leaves a page as soon as it begins, as Next does; says `begun`, and ends well once `go` is there, or badly with `fail`. */
const standIn = `
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
process.chdir(process.argv[2]);
appendFileSync("builds", "x");
mkdirSync("out", { recursive: true });
writeFileSync("out/index.html", "half");
process.stderr.write("begun\\n");
setInterval(() => {
  if (existsSync("fail")) process.exit(1);
  if (!existsSync("go")) return;
  writeFileSync("out/index.html", "whole");
  process.exit(0);
}, 20);
`;

interface Starter {
  child: ChildProcess;
  /** The next line it prints. */
  line(): Promise<string>;
  exited: Promise<number | null>;
}

function startOn(folder: string): Starter {
  const command = [process.execPath, join(folder, "build.mjs"), folder];
  const child = spawn(process.execPath, [program, folder, ...command], { stdio: "pipe", detached: true });
  const lines: string[] = [];
  let wake = (): void => {};
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      lines.push(...text.trim().split("\n"));
      wake();
    });
  }
  const exited = once(child, "close").then(([code]) => {
    lines.push(`ended with ${code}`);
    wake();
    return code as number | null;
  });
  return {
    child,
    exited,
    async line() {
      while (lines.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      return lines.shift() as string;
    },
  };
}

/** Ends the process with its build, as when a container or the machine ends. */
async function killAll({ child, exited }: Starter): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) process.kill(-(child.pid as number), "SIGKILL");
  await exited;
}

async function withFolder(run: (start: () => Starter, file: (name: string) => string) => Promise<void>): Promise<void> {
  const { path, remove } = temporaryFolder();
  const folder = join(path, "web");
  const starters: Starter[] = [];
  mkdirSync(folder);
  writeFileSync(join(folder, "build.mjs"), standIn);
  const start = (): Starter => {
    const starter = startOn(folder);
    starters.push(starter);
    return starter;
  };
  try {
    await run(start, (name) => join(folder, name));
  } finally {
    await Promise.all(starters.map(killAll));
    await remove();
  }
}

/** A process that builds, and one that came while it did so. */
async function startTwo(start: () => Starter): Promise<[Starter, Starter]> {
  const first = start();
  assert.match(await first.line(), /^Building/);
  assert.equal(await first.line(), "begun");
  const second = start();
  assert.match(await second.line(), /^Another process builds/);
  return [first, second];
}

test("two that start together build once, and both end well with the whole UI", async () => {
  await withFolder(async (start, file) => {
    const [first, second] = await startTwo(start);
    writeFileSync(file("go"), "");
    assert.deepEqual(await Promise.all([first.exited, second.exited]), [0, 0]);
    assert.equal(readFileSync(file("builds"), "utf8"), "x");
    assert.equal(readFileSync(file("out/index.html"), "utf8"), "whole");
    assert.ok(isWebBuilt(file(".")));
  });
});

test("when the builder is killed, the one that waits builds; a half-made page is no UI", async () => {
  await withFolder(async (start, file) => {
    const [first, second] = await startTwo(start);
    await killAll(first);
    assert.match(await second.line(), /^Building/);
    assert.equal(await second.line(), "begun");
    assert.ok(existsSync(file("out/index.html")) && !isWebBuilt(file(".")));
    writeFileSync(file("go"), "");
    assert.equal(await second.exited, 0);
    assert.equal(readFileSync(file("builds"), "utf8"), "xx");
    assert.equal(readFileSync(file("out/index.html"), "utf8"), "whole");
  });
});

test("when a build fails, the one that waits tries it too; what it left is no UI", async () => {
  await withFolder(async (start, file) => {
    const [first, second] = await startTwo(start);
    writeFileSync(file("fail"), "");
    assert.deepEqual(await Promise.all([first.exited, second.exited]), [1, 1]);
    assert.equal(readFileSync(file("builds"), "utf8"), "xx");
    assert.ok(!isWebBuilt(file(".")));
  });
});
