import { randomBytes } from "node:crypto";
import pg from "pg";
import { type Database, type DatabaseOptions, migrate, openDatabase, startEmbeddedPostgres } from "#db";
import { temporaryFolder } from "./temporary-folder.ts";

const template = "muster_template";

const poolDefaults = {
  poolMin: 1,
  poolMax: 10,
  idleTimeoutMs: 10_000,
  connectionTimeoutMs: 10_000,
  slowQueryMs: 1_000,
} as const;

export interface SharedPostgres {
  /** Of the maintenance database; what TEST_DATABASE_URL holds. */
  url: string;
  stop(): Promise<void>;
}

export interface TestDatabase {
  url: string;
  db: Database;
  /** Closes `db` and removes the database, whoever is still connected. May be called again. */
  drop(): Promise<void>;
}

/** The same server, another database. */
export function withDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}

async function administer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** Makes the migrated database that every test database is a copy of. */
async function createTemplate(url: string): Promise<void> {
  await administer(url, `CREATE DATABASE ${template}`);
  const db = await openDatabase({ ...poolDefaults, url: withDatabase(url, template) });
  await migrate(db.pool);
  await db.close();
}

/** Starts a PostgreSQL for one test run, in a folder that goes away with it. Without fsync: nothing in it must last. */
export async function startSharedPostgres(): Promise<SharedPostgres> {
  const folder = temporaryFolder();
  const server = await startEmbeddedPostgres({ dataDir: `${folder.path}/data`, maxConnections: 300, fsync: false });
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= server.stop().then(() => folder.remove());
    return stopped;
  };
  try {
    await createTemplate(server.tcpUrl);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: server.tcpUrl, stop };
}

// A test file that is run by itself has its own server, for as long as it has a database open.
let own: { server: Promise<SharedPostgres>; users: number } | undefined;

async function joinServer(): Promise<{ url: string; leave(): Promise<void> }> {
  const shared = process.env.TEST_DATABASE_URL;
  if (shared !== undefined) return { url: shared, leave: async () => undefined };
  own ??= { server: startSharedPostgres(), users: 0 };
  const mine = own;
  mine.users++;
  const server = await mine.server;
  return {
    url: server.url,
    leave: async () => {
      mine.users--;
      if (mine.users > 0) return;
      own = undefined;
      await server.stop();
    },
  };
}

/** An empty, migrated database of its own for one test file. Call `drop` in `after`. */
export async function createTestDatabase(options: Partial<DatabaseOptions> = {}): Promise<TestDatabase> {
  const server = await joinServer();
  const name = `test_${randomBytes(8).toString("hex")}`;
  await administer(server.url, `CREATE DATABASE ${name} TEMPLATE ${template}`);
  const url = withDatabase(server.url, name);
  const db = await openDatabase({ ...poolDefaults, url, ...options });
  let dropped: Promise<void> | undefined;
  const drop = async (): Promise<void> => {
    await db.close();
    await administer(server.url, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await server.leave();
  };
  return {
    url,
    db,
    drop: () => {
      dropped ??= drop();
      return dropped;
    },
  };
}
