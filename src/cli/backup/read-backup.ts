import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { type Static, type TSchema, Type } from "typebox";
import { Value } from "typebox/value";
import { CommandError } from "../exit.ts";
import {
  type BackupEnd,
  type BackupManifest,
  backupFormat,
  endPath,
  keyPath,
  manifestPath,
  rowsPath,
  workspacePath,
} from "./format.ts";
import { readTar, type TarEntry, TarError } from "./tar.ts";

const decompress = promisify(gunzip);

const Manifest = Type.Object({
  format: Type.Integer(),
  muster: Type.String(),
  madeAt: Type.String(),
  migrations: Type.Array(Type.String({ minLength: 1 }), { minItems: 1 }),
  tables: Type.Array(
    Type.Object({
      name: Type.String({ pattern: "^[a-z_]+$" }),
      columns: Type.Array(
        Type.Object({ name: Type.String(), type: Type.String({ pattern: "^[a-z0-9_ (),\\[\\]]+$" }) }),
        {
          minItems: 1,
        },
      ),
    }),
  ),
  key: Type.Union([Type.Literal("file"), Type.Literal("environment"), Type.Literal("none")]),
});
const End = Type.Object({
  rows: Type.Record(Type.String(), Type.Integer()),
  files: Type.Integer(),
  sha256: Type.String(),
});

/** What a backup holds, in the order in which it is read. */
export interface BackupReader {
  manifest(manifest: BackupManifest): Promise<void>;
  /** PostgreSQL's texts of records of this table. */
  rows(table: string, lines: string[]): Promise<void>;
  key(content: Buffer): Promise<void>;
  file(path: string, content: Buffer, modifiedAtMs: number): Promise<void>;
}

/**
 * Reads a backup from its beginning to its end and checks that it is whole and unchanged.
 * @throws {CommandError} when it is not one, or is damaged. What the reader got before that is not to be kept.
 */
export async function readBackup(path: string, reader: BackupReader): Promise<BackupManifest> {
  const file = await open(path, "r");
  const hash = createHash("sha256");
  try {
    const entries = readTar(file, (bytes, entry) => {
      if (entry !== endPath) for (const block of bytes) hash.update(block);
    });
    return await handOver(entries, reader, () => hash.digest("hex"));
  } catch (error) {
    if (!(error instanceof TarError || isCompressionError(error))) throw error;
    throw new CommandError(`${path} cannot be restored: ${error.message}; use another backup`, undefined, {
      cause: error,
    });
  } finally {
    await file.close();
  }
}

function isCompressionError(error: unknown): error is Error {
  return error instanceof Error && "code" in error && String(error.code).startsWith("Z_");
}

function parse<Schema extends TSchema>(schema: Schema, entry: TarEntry): Static<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(entry.content.toString("utf8"));
  } catch (error) {
    throw new TarError(`its ${entry.path} is damaged`, { cause: error });
  }
  if (!Value.Check(schema, value)) throw new TarError(`its ${entry.path} is damaged`);
  return value as Static<Schema>;
}

async function handOver(
  entries: AsyncGenerator<TarEntry>,
  reader: BackupReader,
  digest: () => string,
): Promise<BackupManifest> {
  const first = await entries.next();
  if (first.done || first.value.path !== manifestPath) throw new TarError("it is no backup of Muster");
  const manifest = parse(Manifest, first.value);
  if (manifest.format !== backupFormat) throw new TarError(`it was made by another Muster (${manifest.muster})`);
  await reader.manifest(manifest);
  const rows: Record<string, number> = Object.fromEntries(manifest.tables.map((table) => [table.name, 0]));
  let files = 0;
  let end: BackupEnd | null = null;
  for await (const entry of entries) {
    const table = rowsPath.exec(entry.path)?.[1];
    if (end !== null) throw new TarError("something follows its end");
    if (entry.path === endPath) end = parse(End, entry);
    else if (entry.path === keyPath) await reader.key(entry.content);
    else if (table !== undefined && rows[table] !== undefined) {
      const lines = await readLines(entry);
      rows[table] += lines.length;
      await reader.rows(table, lines);
    } else if (workspacePath.test(entry.path)) {
      files++;
      await reader.file(entry.path, entry.content, entry.modifiedAtMs);
    } else throw new TarError(`it has a part that does not belong there: ${entry.path}`);
  }
  if (end === null) throw new TarError("its end is missing");
  if (end.sha256 !== digest()) throw new TarError("it was changed after it was made");
  if (end.files !== files || manifest.tables.some(({ name }) => end?.rows[name] !== rows[name])) {
    throw new TarError("parts of it are missing");
  }
  return manifest;
}

async function readLines(entry: TarEntry): Promise<string[]> {
  const text = (await decompress(entry.content)).toString("utf8");
  try {
    return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as string]));
  } catch (error) {
    throw new TarError(`its ${entry.path} is damaged`, { cause: error });
  }
}
