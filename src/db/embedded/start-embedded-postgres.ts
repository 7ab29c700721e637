import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { type Binaries, provideBinaries } from "./binaries.ts";
import { acquireFolderLock, foreignTimeoutMs } from "./folder-lock.ts";
import { choosePlaces, type Places } from "./places.ts";
import {
  mayBePostmaster,
  readPostmaster,
  type ServerAddress,
  stopServer,
  superuser,
  urlOf,
  verifyServer,
  waitUntil,
} from "./postmaster.ts";
import { joinServerUsers, type ServerUsers } from "./server-users.ts";

export interface EmbeddedPostgresOptions {
  /** Muster's data folder, absolute. The server's files lie in it (or are pointed to from it). */
  dataDir: string;
  maxConnections?: number;
  sharedBuffersMegabytes?: number;
  /** Off only for tests: a crash of the machine may then destroy the data. */
  fsync?: boolean;
}

export interface EmbeddedPostgres {
  /** By a socket in the server's own folder, where the system has such; only who may read that folder gets there. */
  url: string;
  /** By TCP, on the loopback. */
  tcpUrl: string;
  /** True when the server was running already: another Muster uses it, or one was killed and left it behind. */
  adopted: boolean;
  /** Other living processes that used the server when this one came. 0: this Muster is alone on its data. */
  others: number;
  /** Leaves the server, and stops it when nobody else uses it. May be called again. */
  stop(): Promise<void>;
}

const lockTimeoutMs = 120_000;
/** Recovery after a crash replays at most max_wal_size of log. */
const readyTimeoutMs = 600_000;
const portAttempts = 5;
const logBytes = 5_000_000;

/** Nothing of our environment (keys!) reaches the server's. */
const serverEnvironment = { PATH: "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" };

function spawnAs(places: Places, command: string, args: string[], logFile: number, detached: boolean): ChildProcess {
  const identity = places.user === null ? {} : { uid: places.user.uid, gid: places.user.gid };
  return spawn(command, args, {
    ...identity,
    cwd: "/",
    env: serverEnvironment,
    stdio: ["ignore", logFile, logFile],
    detached,
  });
}

function exitOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(signal ?? String(code)));
  });
}

function giveTo(places: Places, path: string): void {
  if (places.user !== null) chownSync(path, places.user.uid, places.user.gid);
}

function logTail(places: Places): string {
  return readFileSync(places.log, "utf8").trimEnd().split("\n").slice(-8).join("\n");
}

function openLog(places: Places): number {
  const stat = statSync(places.log, { throwIfNoEntry: false });
  if (stat !== undefined && stat.size > logBytes) renameSync(places.log, `${places.log}.old`);
  return openSync(places.log, "a", 0o600);
}

function ensurePassword(places: Places): string {
  if (!existsSync(places.password)) {
    if (existsSync(`${places.cluster}/PG_VERSION`)) {
      throw new Error(`${places.password} is missing: without it nobody can enter the database in ${places.cluster}`);
    }
    writeFileSync(places.password, randomBytes(24).toString("base64url"), { mode: 0o600 });
  }
  return readFileSync(places.password, "utf8").trim();
}

/** Makes the cluster in a folder beside its place and moves it there when it is complete. */
async function createCluster(places: Places, binaries: Binaries, password: string): Promise<void> {
  const temporary = `${places.cluster}.new`;
  const passwordFile = `${temporary}.password`;
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { mode: 0o700 });
  giveTo(places, temporary);
  const log = openLog(places);
  try {
    writeFileSync(passwordFile, password, { mode: 0o600 });
    giveTo(places, passwordFile);
    const args = ["-D", temporary, "-U", superuser, "-A", "scram-sha-256", `--pwfile=${passwordFile}`, "-E", "UTF8"];
    args.push("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-sync", "--no-instructions");
    const exit = await exitOf(spawnAs(places, binaries.initdb, args, log, false));
    if (exit !== "0") throw new Error(`initdb failed (${exit}):\n${logTail(places)}`);
    renameSync(temporary, places.cluster);
  } finally {
    closeSync(log);
    rmSync(passwordFile, { force: true });
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** initdb wrote without waiting for the disk (5 s saved); this catches up while the server runs already. */
function syncInBackground(places: Places, binaries: Binaries): void {
  const log = openLog(places);
  const child = spawnAs(places, binaries.initdb, ["--sync-only", "-D", places.cluster], log, true);
  child.once("error", () => undefined); // The system writes it out by itself within half a minute.
  child.unref();
  closeSync(log);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

/** `sun_path` holds 108 bytes on Linux and 104 on macOS, the end mark among them. */
const longestSocketPath = 103;

/** The folder for the server's socket: its own, which nobody else may enter. Null where none can be there. */
export function socketFolderOf(cluster: string, port: number, platform: NodeJS.Platform = process.platform) {
  const path = `${cluster}/.s.PGSQL.${port}`;
  // The setting is a list, in which a quotation mark would need another one.
  const canBe = platform !== "win32" && Buffer.byteLength(path) <= longestSocketPath && !cluster.includes('"');
  return canBe ? cluster : null;
}

/** What a killed server left behind; the next one has another port and would leave it there. */
function removeOldSockets(cluster: string): void {
  for (const name of readdirSync(cluster)) {
    if (name.startsWith(".s.PGSQL.")) rmSync(join(cluster, name), { force: true });
  }
}

/** Small, since the machine is the user's; no more processes than one user's Muster needs. */
function settings(options: EmbeddedPostgresOptions, port: number, socketFolder: string | null): string[] {
  const values: Record<string, string | number> = {
    listen_addresses: "127.0.0.1",
    port,
    unix_socket_directories: socketFolder === null ? "" : `"${socketFolder}"`,
    unix_socket_permissions: "0700",
    max_connections: options.maxConnections ?? 100,
    shared_buffers: `${options.sharedBuffersMegabytes ?? 64}MB`,
    huge_pages: "off",
    fsync: options.fsync === false ? "off" : "on",
    full_page_writes: options.fsync === false ? "off" : "on",
    max_wal_size: "1GB",
    checkpoint_timeout: "15min",
    log_checkpoints: "off",
    log_timezone: "UTC",
    timezone: "UTC",
    // What is read at random comes from memory or a solid-state disk: at the default, 4, index scans that bring their order lose
    // to bitmap scans and sorts (docs/decisions/0115-index-scans-cost-what-they-cost.md).
    random_page_cost: "1.1",
    jit: "off",
    io_method: "sync",
    max_parallel_workers_per_gather: 0,
    max_logical_replication_workers: 0,
    max_wal_senders: 0,
  };
  return Object.entries(values).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

/** Starts the server and returns its address once it takes connections. */
async function startServer(
  places: Places,
  binaries: Binaries,
  options: EmbeddedPostgresOptions,
): Promise<ServerAddress> {
  removeOldSockets(places.cluster);
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const socketFolder = socketFolderOf(places.cluster, port);
    const log = openLog(places);
    const logStart = statSync(places.log).size;
    // Detached: a Ctrl-C in the terminal must reach Node, which drains first, and not the server beside it.
    const args = ["-D", places.cluster, ...settings(options, port, socketFolder)];
    const child = spawnAs(places, binaries.postgres, args, log, true);
    child.unref();
    closeSync(log);
    let exit: string | undefined;
    void exitOf(child).then((how) => {
      exit = how;
    });
    const isReady = () => {
      const state = readPostmaster(places.cluster);
      return state !== null && state.pid === child.pid && state.ready;
    };
    if (!(await waitUntil(() => exit !== undefined || isReady(), readyTimeoutMs))) {
      throw new Error(`PostgreSQL did not become ready:\n${logTail(places)}`);
    }
    if (exit === undefined) return { port, socketFolder };
    const said = readFileSync(places.log, "utf8").slice(logStart);
    // The port was taken between the two moments, or children of a killed server still hold its memory.
    const mayPass = /could not bind|Address already in use|pre-existing shared memory block/.test(said);
    if (!mayPass || attempt === portAttempts) throw new Error(`PostgreSQL did not start (${exit}):\n${said.trimEnd()}`);
    await waitUntil(() => false, attempt * 200);
  }
}

/** The address of a server that runs on this cluster already, once it is ready; null when none does. */
async function findRunning(places: Places): Promise<ServerAddress | null> {
  const present = () => {
    const state = readPostmaster(places.cluster);
    return state !== null && mayBePostmaster(state.pid, places.cluster) ? state : null;
  };
  if (present() === null) {
    rmSync(`${places.cluster}/postmaster.pid`, { force: true });
    return null;
  }
  await waitUntil(() => present()?.ready !== false, readyTimeoutMs);
  return present();
}

/**
 * Another machine that has this folder mounted would run a second server on the same files, which destroys them. Waits
 * until that one shows that it lives, or has been silent for so long that it is gone.
 */
async function refuseForeigners(users: ServerUsers, dataDir: string): Promise<void> {
  const first = users.foreigner();
  if (first === null) return;
  const isDecided = () => {
    const now = users.foreigner();
    return now === null || now.seenAtMs > first.seenAtMs;
  };
  await waitUntil(isDecided, foreignTimeoutMs * 2, 200);
  const foreigner = users.foreigner();
  if (foreigner === null) return;
  throw new Error(
    `${dataDir} is in use on ${foreigner.host} (process ${foreigner.pid}): one data folder belongs to one machine`,
  );
}

async function bringUp(
  places: Places,
  options: EmbeddedPostgresOptions,
): Promise<{ address: ServerAddress; adopted: boolean }> {
  const password = ensurePassword(places);
  const running = await findRunning(places);
  if (running !== null) {
    await verifyServer(running, password, places.cluster);
    return { address: running, adopted: true };
  }
  const binaries = provideBinaries(places.user, places.binaries);
  const isNew = !existsSync(`${places.cluster}/PG_VERSION`);
  if (isNew) await createCluster(places, binaries, password);
  const address = await startServer(places, binaries, options);
  await verifyServer(address, password, places.cluster);
  if (isNew && options.fsync !== false) syncInBackground(places, binaries);
  return { address, adopted: false };
}

/**
 * Starts PostgreSQL for a data folder, or joins the one that runs on it. As root it runs as an unprivileged user, with
 * its files where that user can reach them. It survives this process (a killed Muster loses nothing and the next one
 * adopts it); `stop` of the last user stops it.
 * @throws with the server's own last words when it cannot start.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const places = choosePlaces(options.dataDir);
  const release = await acquireFolderLock(places.lock, lockTimeoutMs);
  const users = joinServerUsers(places.users);
  try {
    await refuseForeigners(users, options.dataDir);
    const others = users.others();
    const { address, adopted } = await bringUp(places, options);
    const password = ensurePassword(places);
    let stopped: Promise<void> | undefined;
    const stop = async (): Promise<void> => {
      const releaseAgain = await acquireFolderLock(places.lock, lockTimeoutMs);
      try {
        users.leave();
        if (users.others() === 0) await stopServer(places.cluster);
      } finally {
        releaseAgain();
      }
    };
    return {
      url: urlOf(address, password),
      tcpUrl: urlOf({ ...address, socketFolder: null }, password),
      adopted,
      others,
      stop: () => {
        stopped ??= stop();
        return stopped;
      },
    };
  } catch (error) {
    users.leave();
    throw error;
  } finally {
    release();
  }
}
