import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createTestDatabase } from "../support/database.ts";
import { freePort } from "../support/free-port.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const dockerfile = readFileSync(join(root, "Dockerfile"), "utf8");
const lastStage = dockerfile.slice(dockerfile.lastIndexOf("\nFROM "));

/** The strings of an instruction in its JSON form; indented: of the health check. */
function words(instruction: string): string[] {
  const match = new RegExp(`^${instruction} (\\[.+\\])$`, "m").exec(lastStage);
  assert.ok(match?.[1], instruction);
  return JSON.parse(match[1]) as string[];
}

/** Lays the files of the last stage into a folder, as COPY would. The packages are this checkout's. */
function layFiles(folder: string): void {
  for (const [, stage, sources = ""] of lastStage.matchAll(/^COPY (?:--from=(\S+) )?(.+) \S+$/gm)) {
    for (const source of sources.split(" ")) {
      const from = stage === undefined ? join(root, source) : join(root, source.replace("/app/", ""));
      const to = join(folder, source.replace("/app/", ""));
      if (source.endsWith("/node_modules")) symlinkSync(from, to);
      // The UI is built in an image; here only when it is there.
      else if (stage === undefined || existsSync(from)) {
        mkdirSync(dirname(to), { recursive: true });
        cpSync(from, to, { recursive: true });
      }
    }
  }
}

test("the files of the image are enough to migrate and to serve, and its health check tells so", async (t) => {
  const folder = temporaryFolder();
  const database = await createTestDatabase();
  t.after(async () => {
    await database.drop();
    await folder.remove();
  });
  const app = join(folder.path, "app");
  mkdirSync(app);
  layFiles(app);
  const env = {
    PATH: process.env.PATH,
    HOME: folder.path,
    NODE_ENV: "production",
    PORT: String(await freePort()),
    MUSTER_DATA_DIR: join(folder.path, "data"),
    // Beside the packages, which are this checkout's, it would grow by this folder's files with every run.
    NODE_COMPILE_CACHE: join(folder.path, "compiled"),
    DATABASE_URL: database.url,
  };
  const run = ([program = "", ...args]: string[]) => {
    const child = spawn(program === "node" ? process.execPath : program, args, { cwd: app, env });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => (output += text));
    return { child, ended: once(child, "close") as Promise<[number | null]>, output: () => output };
  };
  const migration = run([...words("ENTRYPOINT"), "migrate"]);
  assert.deepEqual((await migration.ended)[0], 0, migration.output());
  const health = words("  CMD");
  assert.equal((await run(health).ended)[0], 1, "a server that is not there is not healthy");
  const server = run([...words("ENTRYPOINT"), ...words("CMD")]);
  const listening = new Promise<void>((resolve, reject) => {
    server.child.stdout.on("data", () => server.output().includes(`:${env.PORT}`) && resolve());
    server.ended.then(() => reject(new Error(server.output())), reject);
  });
  await listening;
  const healthy = run(health);
  assert.equal((await healthy.ended)[0], 0, healthy.output());
  server.child.kill(/^STOPSIGNAL (SIG\w+)$/m.exec(lastStage)?.[1] as "SIGTERM");
  assert.equal((await server.ended)[0], 0, server.output());
});
