import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type pg from "pg";

const migrationsFolder = fileURLToPath(new URL("../../migrations/", import.meta.url));
const functionsFolder = fileURLToPath(new URL("./functions/", import.meta.url));
/** Any number that nobody else on the server locks; "muster" in ASCII. */
const advisoryLock = 0x6d75_7374_6572;

export interface MigrationResult {
  /** Names of the migrations that were applied now, in order. */
  applied: string[];
  /** Names of the function files that were applied again, because they changed. */
  functions: string[];
}

interface SqlFile {
  name: string;
  text: string;
  checksum: string;
}

async function readSqlFiles(folder: string): Promise<SqlFile[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).sort();
  return Promise.all(
    names.map(async (name) => {
      // Git may check files out with other line ends; they must not count as a change.
      const text = (await readFile(join(folder, name), "utf8")).replaceAll("\r\n", "\n");
      return { name, text, checksum: createHash("sha256").update(text).digest("hex") };
    }),
  );
}

/** A failure needs no ROLLBACK here: `migrate` ends the session, and the transaction with it. */
async function inTransaction(client: pg.PoolClient, work: () => Promise<void>): Promise<void> {
  await client.query("BEGIN");
  await work();
  await client.query("COMMIT");
}

async function applied(client: pg.PoolClient, table: string): Promise<Map<string, string>> {
  const { rows } = await client.query<{ name: string; checksum: string }>(`SELECT name, checksum FROM ${table}`);
  return new Map(rows.map((row) => [row.name, row.checksum]));
}

async function applyMigrations(client: pg.PoolClient, files: readonly SqlFile[]): Promise<string[]> {
  const done = await applied(client, "schema_migrations");
  const unknown = [...done.keys()].find((name) => !files.some((file) => file.name === name));
  if (unknown !== undefined) {
    throw new Error(`The database was migrated by a newer Muster (${unknown}): run that version, or restore a backup`);
  }
  const now: string[] = [];
  for (const file of files) {
    const checksum = done.get(file.name);
    if (checksum === file.checksum) continue;
    if (checksum !== undefined) {
      throw new Error(`Migration ${file.name} was changed after it had been applied: add a new migration instead`);
    }
    await inTransaction(client, async () => {
      await client.query(file.text);
      await client.query("INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)", [file.name, file.checksum]);
    });
    now.push(file.name);
  }
  return now;
}

async function applyFunctions(client: pg.PoolClient, files: readonly SqlFile[], force: boolean): Promise<string[]> {
  const done = await applied(client, "schema_functions");
  const changed = files.filter((file) => force || done.get(file.name) !== file.checksum);
  for (const file of changed) {
    await inTransaction(client, async () => {
      await client.query(file.text);
      await client.query(
        `INSERT INTO schema_functions (name, checksum) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET checksum = excluded.checksum, applied_at = now()`,
        [file.name, file.checksum],
      );
    });
  }
  return changed.map((file) => file.name);
}

/**
 * Brings the schema up to date: the files of migrations/ that were not applied yet, in order and forward only, each in
 * its own transaction; then the functions of src/db/functions/ that changed. Several processes may call it at once: the
 * first one works, the others wait for it.
 * With `upTo` it stops after that migration and leaves the functions out: the tables as an older Muster had them.
 * @throws when a migration fails (nothing of it stays), was changed afterwards, or comes from a newer Muster.
 */
export async function migrate(pool: pg.Pool, options: { upTo?: string } = {}): Promise<MigrationResult> {
  const { upTo } = options;
  const [all, allFunctions] = await Promise.all([readSqlFiles(migrationsFolder), readSqlFiles(functionsFolder)]);
  const migrations = upTo === undefined ? all : all.filter((file) => file.name <= upTo);
  const functions = upTo === undefined ? allFunctions : [];
  const client = await pool.connect();
  let failure: Error | undefined;
  try {
    await client.query("SELECT pg_advisory_lock($1)", [advisoryLock]);
    await client.query(`
      CREATE TABLE IF NOT EXISTS schema_migrations
        (name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());
      CREATE TABLE IF NOT EXISTS schema_functions
        (name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());`);
    const names = await applyMigrations(client, migrations);
    return { applied: names, functions: await applyFunctions(client, functions, names.length > 0) };
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error));
    throw failure;
  } finally {
    // The lock is the session's. After a failure the session ends with the client, and the lock with it.
    if (failure === undefined) await client.query("SELECT pg_advisory_unlock($1)", [advisoryLock]);
    client.release(failure);
  }
}
