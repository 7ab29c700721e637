import { readFileSync } from "node:fs";
import pg from "pg";
import { type Database, migrate, openDatabase, startEmbeddedPostgres } from "#db";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { until } from "./laboratory.ts";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

/** A PostgreSQL of its own (fsync on) behind a proxy, which can be crashed and started again under its users. */
export interface CrashPostgres {
  /** As `openLaboratory` takes it: Muster goes through the proxy, the laboratory too. */
  database: { url: string; db: Database; close(): Promise<void> };
  proxy: TcpProxy;
  /** What `pg_ctl stop -m immediate` does, then a start; resolves when the server takes connections again. */
  restart(): Promise<void>;
  /** Ends every connection from inside the server; returns how many. */
  terminateAll(): Promise<number>;
}

/** Starts the server in a folder of its own. */
export async function startCrashPostgres(): Promise<CrashPostgres> {
  const folder = temporaryFolder();
  const options = { dataDir: `${folder.path}/data`, maxConnections: 100 };
  let server = await startEmbeddedPostgres(options);
  const address = new URL(server.tcpUrl);
  const proxy = await startTcpProxy("127.0.0.1", Number(address.port));
  address.port = String(proxy.port);
  const url = address.href;
  const db = await openDatabase({
    url,
    poolMin: 1,
    poolMax: 4,
    idleTimeoutMs: 10_000,
    connectionTimeoutMs: 10_000,
    slowQueryMs: 10_000,
  });
  await migrate(db.pool);

  async function administer<Row extends pg.QueryResultRow>(text: string): Promise<Row[]> {
    const client = new pg.Client({ connectionString: server.url });
    client.on("error", () => undefined);
    await client.connect();
    try {
      return (await client.query<Row>(text)).rows;
    } finally {
      await client.end();
    }
  }

  return {
    database: {
      url,
      db: patient(db),
      async close() {
        await db.close();
        await proxy.close();
        await server.stop();
        await folder.remove();
      },
    },
    proxy,
    async restart() {
      const [row] = await administer<{ path: string }>("SELECT current_setting('data_directory') AS path");
      const pid = Number(readFileSync(`${row?.path}/postmaster.pid`, "utf8").split("\n")[0]);
      // SIGQUIT is the immediate shutdown: no checkpoint, recovery from the log at the next start.
      process.kill(pid, "SIGQUIT");
      await until(20_000, () => !isAlive(pid));
      const next = await startEmbeddedPostgres(options);
      proxy.setTarget("127.0.0.1", Number(new URL(next.tcpUrl).port));
      server = next;
    },
    async terminateAll() {
      const rows = await administer<{ ended: boolean }>(
        "SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
      );
      return rows.length;
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    const state = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !state.slice(state.lastIndexOf(")") + 2).startsWith("Z");
  } catch {
    return false; // No such process any more.
  }
}

/** The laboratory's own view: asks again while the database is away, since what it observes must not end with it. */
function patient(db: Database): Database {
  const query: Database["query"] = async (name, text, values) => {
    const deadline = Date.now() + 30_000;
    for (;;) {
      try {
        return await db.query(name, text, values);
      } catch (error) {
        const refused = error instanceof pg.DatabaseError && error.severity === "ERROR";
        if (refused || Date.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    }
  };
  return { ...db, pool: db.pool, read: db.read, query };
}
