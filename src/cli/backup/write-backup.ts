import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, readdir, readFile, rename, stat, unlink } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import pg from "pg";
import type { Config } from "#config";
import { musterVersion } from "#main";
import { CommandError, usageError } from "../exit.ts";
import { dumpTable, readTables } from "./dump-tables.ts";
import {
  type BackupEnd,
  type BackupManifest,
  backupFormat,
  endPath,
  exactValues,
  keyPath,
  manifestPath,
} from "./format.ts";
import { hasStore, openStore } from "./open-store.ts";
import { tarEnd, tarEntry } from "./tar.ts";

export interface BackupResult {
  rows: number;
  tables: number;
  files: number;
  bytes: number;
  key: BackupManifest["key"];
}

/** Appends to the archive and keeps its digest. */
class ArchiveWriter {
  readonly #file: FileHandle;
  readonly #hash = createHash("sha256");
  bytes = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async add(path: string, content: Buffer, modifiedAtMs: number = Date.now()): Promise<void> {
    for (const block of tarEntry({ path, content, modifiedAtMs })) {
      this.#hash.update(block);
      await this.#file.writeFile(block);
      this.bytes += block.length;
    }
  }

  async finish(end: Omit<BackupEnd, "sha256">): Promise<void> {
    const sha256 = this.#hash.copy().digest("hex");
    await this.add(endPath, Buffer.from(JSON.stringify({ ...end, sha256 })));
    await this.#file.writeFile(tarEnd());
    this.bytes += tarEnd().length;
    await this.#file.sync();
  }
}

/**
 * Writes database, workspaces and key file into one archive, while Muster goes on working: the rows are those of one
 * moment, the files those of that moment or later. The archive appears under its name when it is complete.
 * @throws {CommandError} when there is nothing to back up or the file is there already.
 */
export async function writeBackup(config: Config, path: string, force: boolean): Promise<BackupResult> {
  if (!hasStore(config)) {
    throw new CommandError(`there is nothing in ${config.dataDir} to back up: check MUSTER_DATA_DIR or DATABASE_URL`);
  }
  if (!force && (await exists(path))) throw usageError(`${path} is there already: name another file, or add --force`);
  const part = `${path}.part`;
  const file = await open(part, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o600);
  try {
    const store = await openStore(config);
    let result: BackupResult;
    try {
      result = await fill(new ArchiveWriter(file), config, store.databaseUrl);
    } finally {
      await store.close();
    }
    await file.close();
    await rename(part, path);
    return result;
  } catch (error) {
    await file.close();
    await unlink(part);
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return (await statOrNull(path)) !== null;
}

async function statOrNull(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}

async function fill(archive: ArchiveWriter, config: Config, databaseUrl: string): Promise<BackupResult> {
  const rows: Record<string, number> = {};
  const client = new pg.Client({ connectionString: databaseUrl });
  client.on("error", () => undefined); // The statement that was running reports it.
  await client.connect();
  let manifest: BackupManifest;
  try {
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");
    await client.query(exactValues);
    manifest = await readManifest(client, config);
    await archive.add(manifestPath, Buffer.from(JSON.stringify(manifest, null, 2)));
    for (const table of manifest.tables) {
      let part = 0;
      rows[table.name] = 0;
      for await (const chunk of dumpTable(client, table)) {
        rows[table.name] = (rows[table.name] ?? 0) + chunk.rows;
        await archive.add(`database/${table.name}/${String(++part).padStart(6, "0")}.jsonl.gz`, chunk.content);
      }
    }
    await client.query("COMMIT");
  } finally {
    await client.end();
  }
  if (manifest.key === "file") await archive.add(keyPath, await readFile(join(config.dataDir, "secret.key")));
  const files = await addWorkspaces(archive, join(config.dataDir, "workspaces"));
  await archive.finish({ rows, files });
  return {
    rows: Object.values(rows).reduce((sum, count) => sum + count, 0),
    tables: manifest.tables.length,
    files,
    bytes: archive.bytes,
    key: manifest.key,
  };
}

async function readManifest(client: pg.Client, config: Config): Promise<BackupManifest> {
  const { rows: present } = await client.query<{ there: boolean }>(
    "SELECT to_regclass('schema_migrations') IS NOT NULL AS there",
  );
  if (present[0]?.there !== true) throw new CommandError("the database has no tables of Muster: nothing to back up");
  const { rows } = await client.query<{ name: string }>("SELECT name FROM schema_migrations ORDER BY name");
  const hasKeyFile = await exists(join(config.dataDir, "secret.key"));
  return {
    format: backupFormat,
    muster: musterVersion(),
    madeAt: new Date().toISOString(),
    migrations: rows.map((row) => row.name),
    tables: await readTables(client),
    key: config.secretKey !== null ? "environment" : hasKeyFile ? "file" : "none",
  };
}

/** Adds the files of all workspaces. What vanishes between two looks was temporary. */
async function addWorkspaces(archive: ArchiveWriter, folder: string): Promise<number> {
  if (!(await exists(folder))) return 0;
  let count = 0;
  for (const workspace of await readdir(folder)) {
    for (const path of await filesBelow(join(folder, workspace))) {
      const file = await readRegular(path);
      if (file === null) continue;
      const name = relative(folder, path).split(sep).join("/");
      await archive.add(`workspaces/${name}`, file.content, file.modifiedAtMs);
      count++;
    }
  }
  return count;
}

async function filesBelow(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** A file's bytes; null when it is gone or a link has taken its place. */
async function readRegular(path: string): Promise<{ content: Buffer; modifiedAtMs: number } | null> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      return { content: await file.readFile(), modifiedAtMs: (await file.stat()).mtimeMs };
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isMissing(error) || (error instanceof Error && "code" in error && error.code === "ELOOP")) return null;
    throw error;
  }
}
