import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { isPidInUse } from "./process-identity.ts";

/** What postmaster.pid says (PostgreSQL, src/include/utils/pidfile.h). */
export interface Postmaster extends ServerAddress {
  pid: number;
  ready: boolean;
}

/** Where a server listens: on this port of the loopback, and in this folder when it has a socket there. */
export interface ServerAddress {
  port: number;
  socketFolder: string | null;
}

export const superuser = "muster";
export const databaseName = "muster";

/** The server's own note in its data folder; null when there is none or it is not complete yet. */
export function readPostmaster(cluster: string): Postmaster | null {
  let text: string;
  try {
    text = readFileSync(`${cluster}/postmaster.pid`, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  const lines = text.split("\n");
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid)) return null;
  return { pid, port: Number(lines[3]), socketFolder: lines[4]?.trim() || null, ready: lines[7]?.trim() === "ready" };
}

/** False when the process is gone or surely another program; where /proc does not tell, an existing process counts. */
export function mayBePostmaster(pid: number, cluster: string): boolean {
  if (!isPidInUse(pid)) return false;
  if (process.platform !== "linux") return true;
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return command.some((word) => word.includes("postgres")) && command.includes(cluster);
  } catch {
    return false; // It ended between the two looks.
  }
}

/** By the socket where there is one (libpq's form: its folder, encoded, in place of the host), else by TCP. */
export function urlOf(address: ServerAddress, password: string, database: string = databaseName): string {
  const host = address.socketFolder === null ? "127.0.0.1" : encodeURIComponent(address.socketFolder);
  return `postgres://${superuser}:${password}@${host}:${address.port}/${database}`;
}

/** Connects once; makes Muster's database when the cluster is new; proves that it is the server of this folder. */
export async function verifyServer(address: ServerAddress, password: string, cluster: string): Promise<void> {
  const open = async (database: string): Promise<pg.Client> => {
    const client = new pg.Client({
      connectionString: urlOf(address, password, database),
      connectionTimeoutMillis: 10_000,
    });
    client.on("error", () => undefined); // The query that was running reports it.
    await client.connect();
    return client;
  };
  let client: pg.Client;
  try {
    client = await open(databaseName);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || error.code !== "3D000") throw error; // invalid_catalog_name
    const admin = await open("postgres");
    await admin.query(`CREATE DATABASE ${databaseName}`);
    await admin.end();
    client = await open(databaseName);
  }
  const { rows } = await client.query<{ data_directory: string }>("SHOW data_directory");
  await client.end();
  if (rows[0]?.data_directory !== cluster)
    throw new Error(`The server on port ${address.port} is not the one of ${cluster}`);
}

/** Waits until `done` says so; false when the time is over first. */
export async function waitUntil(done: () => boolean, timeoutMs: number, everyMs = 10): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (!done()) {
    if (Date.now() > deadline) return false;
    await delay(everyMs);
  }
  return true;
}

const fastStopTimeoutMs = 60_000;
const immediateStopTimeoutMs = 10_000;

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // Gone already: what was wanted.
  }
}

/**
 * Stops the server: fast (connections are ended, everything is written), and if that takes too long at once (the next
 * start then recovers from the log).
 */
export async function stopServer(cluster: string): Promise<void> {
  const running = readPostmaster(cluster);
  if (running === null || !mayBePostmaster(running.pid, cluster)) return;
  const gone = () => readPostmaster(cluster)?.pid !== running.pid || !isPidInUse(running.pid);
  signal(running.pid, "SIGINT");
  if (await waitUntil(gone, fastStopTimeoutMs)) return;
  signal(running.pid, "SIGQUIT");
  if (!(await waitUntil(gone, immediateStopTimeoutMs))) {
    throw new Error(`PostgreSQL (process ${running.pid}) of ${cluster} does not stop`);
  }
}
