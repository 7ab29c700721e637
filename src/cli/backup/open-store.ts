import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "#config";
import { openDatabase, startEmbeddedPostgres } from "#main";

/** The database as it is: not migrated, nothing else composed. */
export interface OpenStore {
  databaseUrl: string;
  /** Other Musters on the embedded server; null with DATABASE_URL, where this cannot be seen. */
  others: number | null;
  db: Awaited<ReturnType<typeof openDatabase>>;
  close(): Promise<void>;
}

/** True when there is a database to open: one that DATABASE_URL names, or an embedded one that was made before. */
export function hasStore(config: Config): boolean {
  if (config.database.url !== null) return true;
  return existsSync(join(config.dataDir, "postgres")) || existsSync(join(config.dataDir, "postgres-location"));
}

/** Opens the database with a few connections, starting the embedded server when it does not run. */
export async function openStore(config: Config): Promise<OpenStore> {
  const embedded = config.database.url === null ? await startEmbeddedPostgres({ dataDir: config.dataDir }) : null;
  const databaseUrl = embedded?.url ?? config.database.url ?? "";
  try {
    const db = await openDatabase({
      url: databaseUrl,
      poolMin: 0,
      poolMax: 2,
      idleTimeoutMs: config.database.idleTimeoutMs,
      connectionTimeoutMs: config.database.connectionTimeoutMs,
      slowQueryMs: config.database.slowQueryMs,
    });
    // With no connection kept open, only the first query tells whether the server is there.
    await db.pool.query("SELECT 1");
    const close = async () => {
      await db.close();
      await embedded?.stop();
    };
    return { databaseUrl, others: embedded?.others ?? null, db, close };
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
}
