import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../support/temporary-folder.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** The shell blocks of the guide, in order. */
function blocks(): string[] {
  const text = readFileSync(join(root, "docs/guide/first-run.md"), "utf8");
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? "");
}

/** Starts the product as the README says and reads its address and claim code from what it prints. */
async function startProduct(dataDir: string) {
  const child = spawn(process.execPath, ["bin/muster.js", "up"], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, PORT: "0", MUSTER_DATA_DIR: dataDir, LOG_LEVEL: "warn" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let printed = "";
  const [url, code] = await new Promise<[string, string]>((resolve, reject) => {
    child.stdout.on("data", (chunk: Buffer) => {
      printed += chunk.toString();
      const found = /(http:\/\/[^\s/]+)\/claim\?code=([\w-]+)/.exec(printed);
      if (found?.[1] !== undefined && found[2] !== undefined) resolve([found[1], found[2]]);
    });
    child.once("exit", (status) => reject(new Error(`muster up ended with ${status}: ${printed}`)));
  });
  return {
    url,
    code,
    async stop() {
      child.kill("SIGTERM");
      await once(child, "exit");
    },
  };
}

test("the guide's commands lead from a fresh start to a finished execution", { timeout: 180_000 }, async (t) => {
  const { path: folder, remove } = temporaryFolder();
  const product = await startProduct(join(folder, "data"));
  t.after(async () => {
    await product.stop();
    await remove();
  });
  const [where = "", ...rest] = blocks();
  assert.ok(rest.length >= 7);
  const here = where
    .replace("http://127.0.0.1:3000", product.url)
    .replace("CLAIM_CODE=CODE", `CLAIM_CODE=${product.code}`);
  assert.notEqual(here, where);
  const script = ["set -e", here, ...rest].join("\n");
  const shell = spawn("bash", ["-c", script], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [shell.stdout, shell.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [status] = (await once(shell, "close")) as [number];
  assert.equal(status, 0, output);
  assert.match(output, /events 1 to \d+, none missing, none twice/);
  assert.match(output, /"status":"completed","endReason":"done"/);
  assert.match(output, /"path":"report\.md"/);
  const seen = readFileSync(join(folder, "seen.txt"), "utf8").trim().split("\n");
  assert.equal(readFileSync(join(folder, "before.txt"), "utf8").match(/^id: /gm)?.length, 10);
  assert.ok(seen.length > 30, `${seen.length} events`);
  const report = readFileSync(join(folder, "report.md"), "utf8");
  assert.match(report, /plan\.md:\d+/, "the report names passages of the attachment");
});

test("README's command does what README shows", { timeout: 180_000 }, async (t) => {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const command = /^npx muster (run .*)$/m.exec(readme)?.[1] ?? "";
  const shown = /```text\n([\s\S]*?)```/.exec(readme)?.[1] ?? "";
  const { path: folder, remove } = temporaryFolder();
  t.after(remove);
  const shell = spawn("bash", ["-c", `exec "$NODE" bin/muster.js ${command}`], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, NODE: process.execPath, MUSTER_DATA_DIR: folder },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  shell.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  const [status] = (await once(shell, "close")) as [number];
  assert.equal(status, 0, output);
  // What differs from run to run (times, ids, sizes, folders) is left out.
  const stable = shown.split("\n").filter((line) => !/^\[|…|execution |^Files|^Tokens|\d [KM]?B$|bytes\)/.test(line));
  assert.ok(stable.length > 15);
  for (const line of stable) assert.ok(output.includes(line.trim()), `README shows: ${line}`);
});
