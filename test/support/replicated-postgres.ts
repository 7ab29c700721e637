import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  closeSync,
  cpSync,
  openSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from "node:fs";
import pg from "pg";
import { startEmbeddedPostgres } from "#db";
import { freePort } from "./free-port.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** A primary and a hot standby that streams from it, both on 127.0.0.1. Linux only. */
export interface ReplicatedPostgres {
  primaryUrl: string;
  replicaUrl: string;
  /** The standby answers with what it has and replays nothing. */
  pauseReplay(): Promise<void>;
  resumeReplay(): Promise<void>;
  stopReplica(): Promise<void>;
  startReplica(): Promise<void>;
  stop(): Promise<void>;
}

interface Programs {
  postgres: string;
  user: { uid: number; gid: number };
}

async function ask<Row extends pg.QueryResultRow>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

/** Starts a server on a cluster as its owner and waits until it takes connections. */
async function startServer(programs: Programs, cluster: string, port: number, url: string): Promise<ChildProcess> {
  const log = openSync(`${cluster}.log`, "a");
  const settings = {
    port,
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    fsync: "off",
    max_wal_senders: 4,
  };
  const args = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const child = spawn(programs.postgres, ["-D", cluster, ...args], {
    ...programs.user,
    cwd: "/",
    env: { LC_ALL: "C", PATH: "/usr/bin:/bin" },
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  const deadline = performance.now() + 30_000;
  for (;;) {
    try {
      await ask(url, "SELECT 1");
      return child;
    } catch (error) {
      if (child.exitCode !== null || performance.now() > deadline) {
        throw new Error(`PostgreSQL did not start:\n${readFileSync(`${cluster}.log`, "utf8").slice(-2_000)}`, {
          cause: error,
        });
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function stopServer(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGINT");
  await gone;
}

/** Makes a cluster with the embedded server's programs, copies it while it rests, and starts both. */
export async function startReplicatedPostgres(): Promise<ReplicatedPostgres> {
  const folder = temporaryFolder();
  const embedded = await startEmbeddedPostgres({ dataDir: `${folder.path}/data`, fsync: false });
  const [row] = await ask<{ cluster: string; pid: number }>(
    embedded.url,
    "SELECT current_setting('data_directory') AS cluster, pg_backend_pid() AS pid",
  );
  const primaryCluster = row?.cluster ?? "";
  const { uid, gid } = statSync(primaryCluster);
  // Whoever cannot become another user is the owner already.
  const user = process.getuid?.() === 0 ? { uid, gid } : ({} as { uid: number; gid: number });
  const pid = Number(readFileSync(`${primaryCluster}/postmaster.pid`, "utf8").split("\n")[0]);
  const programs = { postgres: readlinkSync(`/proc/${pid}/exe`), user };
  await embedded.stop();
  const [primaryPort, replicaPort] = [await freePort(), await freePort()];
  const at = (port: number) => Object.assign(new URL(embedded.tcpUrl), { port: String(port) }).href;
  const [primaryUrl, replicaUrl] = [at(primaryPort), at(replicaPort)];
  const replicaCluster = `${primaryCluster}-replica`;
  cpSync(primaryCluster, replicaCluster, { recursive: true, preserveTimestamps: true });
  const { username, password } = new URL(embedded.tcpUrl);
  appendFileSync(
    `${replicaCluster}/postgresql.auto.conf`,
    `primary_conninfo = 'host=127.0.0.1 port=${primaryPort} user=${username} password=${decodeURIComponent(password)}'\n`,
  );
  writeFileSync(`${replicaCluster}/standby.signal`, "");
  if (process.getuid?.() === 0) await giveAll(replicaCluster, uid, gid);
  const primary = await startServer(programs, primaryCluster, primaryPort, primaryUrl);
  let replica = await startServer(programs, replicaCluster, replicaPort, replicaUrl);
  return {
    primaryUrl,
    replicaUrl,
    pauseReplay: async () => void (await ask(replicaUrl, "SELECT pg_wal_replay_pause()")),
    resumeReplay: async () => void (await ask(replicaUrl, "SELECT pg_wal_replay_resume()")),
    stopReplica: () => stopServer(replica),
    async startReplica() {
      replica = await startServer(programs, replicaCluster, replicaPort, replicaUrl);
    },
    async stop() {
      await stopServer(replica);
      await stopServer(primary);
      await folder.remove();
    },
  };
}

async function giveAll(path: string, uid: number, gid: number): Promise<void> {
  const child = spawn("chown", ["-R", `${uid}:${gid}`, path]);
  await once(child, "exit");
  const mode = spawn("chmod", ["700", path]);
  await once(mode, "exit");
}
