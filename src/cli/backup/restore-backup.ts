import { chmod, mkdir, readdir, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import pg from "pg";
import type { Config } from "#config";
import { migrate } from "#main";
import { CommandError } from "../exit.ts";
import { type BackupManifest, exactValues, identifier, type TableShape } from "./format.ts";
import { hasStore, type OpenStore, openStore } from "./open-store.ts";
import { readBackup } from "./read-backup.ts";

export interface RestoreResult {
  manifest: BackupManifest;
  rows: number;
  files: number;
  /** What the user must still see to; empty when nothing. */
  warnings: string[];
}

/** How long to wait for others to let go of a table. */
const lockTimeout = "5s";

/**
 * Puts a backup in the place of an empty installation, or of any with `force`. The archive is checked from end to end
 * before anything is touched. @throws {CommandError} when it is damaged, comes from a newer Muster, or would replace
 * something.
 */
export async function restoreBackup(config: Config, path: string, force: boolean): Promise<RestoreResult> {
  const nothing = async () => undefined;
  await readBackup(path, { manifest: nothing, rows: nothing, key: nothing, file: nothing });
  const workspaces = join(config.dataDir, "workspaces");
  if (!force && (await isFilled(workspaces))) throw refusal(`${workspaces} holds files`);
  const isNew = !hasStore(config);
  await mkdir(config.dataDir, { recursive: true });
  const store = await openStore(config);
  try {
    if (!isNew) await refuseUse(store, force);
    return await restore(config, store, path, workspaces);
  } catch (error) {
    if (isCode(error, "55P03")) {
      throw new CommandError("a Muster works on this database: stop it first (muster doctor names it)", undefined, {
        cause: error,
      });
    }
    throw error;
  } finally {
    await store.close();
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

function refusal(what: string): CommandError {
  return new CommandError(
    `${what}: restore into an empty installation (another MUSTER_DATA_DIR), or replace all of it with --force`,
  );
}

async function isFilled(folder: string): Promise<boolean> {
  try {
    return (await readdir(folder)).length > 0;
  } catch (error) {
    if (isCode(error, "ENOENT")) return false;
    throw error;
  }
}

async function refuseUse({ db, others }: OpenStore, force: boolean): Promise<void> {
  if (others !== null && others > 0) throw new CommandError("a Muster runs on this data folder: stop it first");
  const has = async (table: string) => {
    const { rows } = await db.pool.query<{ there: boolean }>("SELECT to_regclass($1) IS NOT NULL AS there", [table]);
    return rows[0]?.there === true;
  };
  if (await has("workers")) {
    const { rowCount } = await db.pool.query(
      "SELECT 1 FROM workers WHERE heartbeat_at > clock_timestamp() - interval '10 seconds'",
    );
    if ((rowCount ?? 0) > 0) throw new CommandError("a worker of Muster is alive on this database: stop it first");
  }
  if (force || !(await has("users"))) return;
  const { rowCount } = await db.pool.query("SELECT 1 FROM users LIMIT 1");
  if ((rowCount ?? 0) > 0) throw refusal("the database holds accounts and their work");
}

async function restore(config: Config, store: OpenStore, path: string, workspaces: string): Promise<RestoreResult> {
  const incoming = `${workspaces}.restoring`;
  await rm(incoming, { recursive: true, force: true });
  await mkdir(incoming, { recursive: true, mode: 0o700 });
  const loader = new TableLoader(store);
  let key: Buffer | null = null;
  let files = 0;
  try {
    const manifest = await readBackup(path, {
      manifest: (read) => loader.begin(read),
      rows: (table, lines) => loader.add(table, lines),
      key: async (content) => {
        key = content;
      },
      file: async (name, content, modifiedAtMs) => {
        const target = join(incoming, name.slice("workspaces/".length));
        await mkdir(dirname(target), { recursive: true, mode: 0o700 });
        await writeFile(target, content, { mode: 0o600, flag: "wx" });
        await utimes(target, modifiedAtMs / 1_000, modifiedAtMs / 1_000);
        files++;
      },
    });
    await loader.commit();
    await migrate(store.db.pool);
    await rm(workspaces, { recursive: true, force: true });
    await rename(incoming, workspaces);
    if (key !== null) await writeKey(config, key);
    return { manifest, rows: loader.rows, files, warnings: keyWarnings(config, manifest) };
  } catch (error) {
    await rm(incoming, { recursive: true, force: true });
    throw error;
  } finally {
    await loader.close();
  }
}

async function writeKey(config: Config, key: Buffer): Promise<void> {
  const path = join(config.dataDir, "secret.key");
  await writeFile(path, key, { mode: 0o600 });
  await chmod(path, 0o600);
}

function keyWarnings(config: Config, manifest: BackupManifest): string[] {
  if (manifest.key === "environment" && config.secretKey === null) {
    return [
      "set MUSTER_SECRET_KEY to the value it had where the backup was made: without it the stored provider keys cannot be opened",
    ];
  }
  if (manifest.key === "file" && config.secretKey !== null) {
    return ["unset MUSTER_SECRET_KEY: the provider keys of this backup open with the key file that came with it"];
  }
  return [];
}

/** Names of all tables and views that migrations of this Muster make, those that later ones take away too. */
async function madeByMigrations(): Promise<string[]> {
  const folder = new URL("../../../migrations/", import.meta.url);
  const files = (await readdir(folder)).filter((name) => name.endsWith(".sql"));
  const texts = await Promise.all(files.map((name) => readFile(new URL(name, folder), "utf8")));
  return texts.flatMap((text) =>
    [...text.matchAll(/^CREATE (?:UNLOGGED )?(?:TABLE|VIEW) (\w+)/gm)].map(([, name = ""]) => name),
  );
}

/** Makes the tables as the backup knows them and fills them in one transaction. */
class TableLoader {
  readonly #store: OpenStore;
  readonly #client: pg.Client;
  #connected = false;
  #tables = new Map<string, TableShape>();
  rows = 0;

  constructor(store: OpenStore) {
    this.#store = store;
    this.#client = new pg.Client({ connectionString: store.databaseUrl });
    this.#client.on("error", () => undefined); // The statement that was running reports it.
  }

  async begin(manifest: BackupManifest): Promise<void> {
    this.#tables = new Map(manifest.tables.map((table) => [table.name, table]));
    await this.#client.connect();
    this.#connected = true;
    const last = manifest.migrations.at(-1) ?? "";
    await this.#empty();
    const { applied } = await migrate(this.#store.db.pool, { upTo: last });
    if (applied.join() !== manifest.migrations.join()) {
      throw new CommandError(
        `the backup was made by a newer Muster (${manifest.muster}): restore it with that version`,
      );
    }
    await this.#client.query("BEGIN");
    await this.#client.query(exactValues);
    const names = manifest.tables.map((table) => identifier(table.name));
    // The first migrations put rows of their own into some tables.
    await this.#client.query(`TRUNCATE ${names.join(", ")}`);
  }

  /** Takes away what a Muster left, tables, views and functions; nothing else that lives in the same database. */
  async #empty(): Promise<void> {
    // What is there may be younger than the backup: a table of it can have become a view, and others have come.
    const known = [...this.#tables.keys(), ...(await madeByMigrations()), "schema_migrations", "schema_functions"];
    await this.#client.query("BEGIN");
    await this.#client.query(`SET LOCAL lock_timeout = '${lockTimeout}'`);
    const { rows: relations } = await this.#client.query<{ name: string; kind: "VIEW" | "TABLE" }>(
      `SELECT relname AS name, CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END AS kind FROM pg_class
       WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v') AND relname = ANY ($1)`,
      [known],
    );
    for (const { name, kind } of relations.sort((one, other) => other.kind.localeCompare(one.kind)))
      await this.#client.query(`DROP ${kind} IF EXISTS ${identifier(name)} CASCADE`);
    const { rows } = await this.#client.query<{ signature: string }>(
      `SELECT p.oid::regprocedure::text AS signature FROM pg_proc p
       WHERE p.pronamespace = current_schema()::regnamespace AND p.proname LIKE 'muster\\_%'`,
    );
    for (const { signature } of rows) await this.#client.query(`DROP ROUTINE IF EXISTS ${signature} CASCADE`);
    await this.#client.query("COMMIT");
  }

  async add(name: string, lines: string[]): Promise<void> {
    const table = this.#tables.get(name);
    if (!table) return;
    const columns = table.columns.map((column) => identifier(column.name));
    // A type with exactly these columns: the record's text is taken apart by PostgreSQL itself, value for value.
    const shape = table.columns.map((column) => `${identifier(column.name)} ${column.type}`).join(", ");
    const type = identifier(`restored_${name}`);
    await this.#client.query(`CREATE TEMP TABLE IF NOT EXISTS ${type} (${shape}) ON COMMIT DROP`);
    await this.#client.query(
      `INSERT INTO ${identifier(name)} (${columns.join(", ")}) OVERRIDING SYSTEM VALUE
       SELECT ${columns.map((column) => `(r).${column}`).join(", ")}
       FROM (SELECT line::pg_temp.${type} AS r FROM unnest($1::text[]) AS line OFFSET 0) AS records`,
      [lines],
    );
    this.rows += lines.length;
  }

  async commit(): Promise<void> {
    const { rows } = await this.#client.query<{ table: string; column: string; sequence: string }>(
      `SELECT c.relname AS table, a.attname AS column, pg_get_serial_sequence(quote_ident(c.relname), a.attname) AS sequence
       FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
       WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY ($1)
         AND pg_get_serial_sequence(quote_ident(c.relname), a.attname) IS NOT NULL`,
      [[...this.#tables.keys()]],
    );
    for (const { table, column, sequence } of rows) {
      await this.#client.query(
        `SELECT setval($1::regclass, max(${identifier(column)})) FROM ${identifier(table)} HAVING max(${identifier(column)}) IS NOT NULL`,
        [sequence],
      );
    }
    await this.#client.query("COMMIT");
    await this.#client.query("ANALYZE");
  }

  async close(): Promise<void> {
    if (this.#connected) await this.#client.end();
  }
}
