import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type pg from "pg";
import { identifier, type TableShape } from "./format.ts";

const compress = promisify(gzip);

/** Rows of one entry, before compression. */
const chunkBytes = 4_000_000;
const maxRowsPerFetch = 1_000;
/** Leases of processes (gone by the time of a restore), and what migrations write themselves. */
const leftOut = ["workers", "schema_migrations", "schema_functions"];

/** The tables with their columns, parents before children. Generated columns are left out: they fill themselves. */
export async function readTables(client: pg.ClientBase): Promise<TableShape[]> {
  const { rows } = await client.query<{ name: string; columns: TableShape["columns"]; parents: string[] }>(
    `SELECT c.relname AS name,
       (SELECT jsonb_agg(jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum)
        FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns,
       ARRAY(SELECT DISTINCT p.relname::text FROM pg_constraint k JOIN pg_class p ON p.oid = k.confrelid
        WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.confrelid <> c.oid) AS parents
     FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
       AND c.relname <> ALL ($1) ORDER BY c.relname`,
    [leftOut],
  );
  const ordered: TableShape[] = [];
  let waiting = rows;
  while (waiting.length > 0) {
    const names = new Set(waiting.map((table) => table.name));
    const ready = waiting.filter((table) => !table.parents.some((parent) => names.has(parent)));
    if (ready.length === 0) throw new Error(`The tables ${[...names].join(", ")} refer to each other in a circle`);
    ordered.push(...ready.map(({ name, columns }) => ({ name, columns })));
    waiting = waiting.filter((table) => !ready.includes(table));
  }
  return ordered;
}

/** The rows of a table as compressed chunks. Holds one chunk in memory, and a fetch of about its size. */
export async function* dumpTable(
  client: pg.ClientBase,
  table: TableShape,
): AsyncGenerator<{ rows: number; content: Buffer }> {
  const columns = table.columns.map((column) => identifier(column.name)).join(", ");
  const text = `SELECT ROW(${columns})::text AS line FROM ${identifier(table.name)}`;
  await client.query(`DECLARE muster_dump NO SCROLL CURSOR FOR ${text}`);
  // Attachments may have 5 MB each; grown with what the rows turn out to be.
  let fetchRows = 8;
  let lines: string[] = [];
  let bytes = 0;
  for (;;) {
    const { rows } = await client.query<{ line: string }>(`FETCH ${fetchRows} FROM muster_dump`);
    let fetched = 0;
    for (const { line } of rows) fetched += line.length;
    lines.push(...rows.map((row) => JSON.stringify(row.line)));
    bytes += fetched;
    const isLast = rows.length < fetchRows;
    if (lines.length > 0 && (isLast || bytes >= chunkBytes)) {
      yield { rows: lines.length, content: await compress(`${lines.join("\n")}\n`) };
      lines = [];
      bytes = 0;
    }
    if (isLast) break;
    const fitting = Math.floor(chunkBytes / Math.max(1, fetched / rows.length));
    fetchRows = Math.max(1, Math.min(maxRowsPerFetch, fitting, fetchRows * 4));
  }
  await client.query("CLOSE muster_dump");
}
