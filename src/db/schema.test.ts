import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { is, SQL } from "drizzle-orm";
import { getTableConfig, type IndexedColumn, PgDialect, PgTable } from "drizzle-orm/pg-core";
import pg from "pg";
import { createTestDatabase, withDatabase } from "../../test/support/database.ts";
import { startSystemPostgres, systemPostgresFolders } from "../../test/support/system-postgres.ts";
import { migrate, openDatabase } from "./index.ts";
import * as schema from "./schema/index.ts";

// The Drizzle schema is what the code is typed by; the migrations are what the database is. Both must say the same, on
// the embedded PostgreSQL and on the oldest one that is supported.

const tables = Object.values(schema).filter((value) => is(value, PgTable));
const configs = tables.map((table) => getTableConfig(table));
const dialect = new PgDialect();
/** Kept by Muster's own migration code, not by Drizzle. */
const internalTables = ["schema_migrations", "schema_functions"];

type Query = <Row extends pg.QueryResultRow>(text: string) => Promise<Row[]>;

/** One spelling for the same expression: PostgreSQL prints parentheses, casts and ANY where people write none. */
function normalise(expression: string): string {
  return expression
    .replace(/= ANY \(\(?ARRAY\[(.*?)\]\)?(::text\[\])?\)/g, "IN ($1)")
    .replace(/::text/g, "")
    .replace(/"(\w+)"\.|"/g, "")
    .replace(/[()\s]/g, "")
    .toLowerCase();
}

function indexColumn(column: Partial<IndexedColumn | SQL>): string {
  if (is(column, SQL)) return normalise(dialect.sqlToQuery(column).sql);
  const { name, indexConfig } = column as IndexedColumn;
  if (indexConfig?.order !== "desc") return name ?? "";
  assert.equal(indexConfig.nulls, "first", `${name}: DESC without NULLS FIRST is another order than ORDER BY … DESC`);
  return `${name} desc`.replace(" ", "");
}

function drizzleIndexes(): string[] {
  return configs
    .flatMap(({ name: table, indexes, uniqueConstraints }) => [
      ...indexes.map(({ config }) => {
        const where = config.where === undefined ? "" : ` where ${normalise(dialect.sqlToQuery(config.where).sql)}`;
        const columns = config.columns.map(indexColumn).join(",");
        return `${table} ${config.unique ? "unique " : ""}${config.name} ${columns}${where}`;
      }),
      ...uniqueConstraints.map(
        ({ name, columns }) => `${table} unique ${name} ${columns.map((column) => column.name).join(",")}`,
      ),
      ...configs
        .filter((config) => config.name === table)
        .flatMap((config) => config.columns.filter((column) => column.isUnique))
        .map((column) => `${table} unique ${column.uniqueName} ${column.name}`),
    ])
    .sort();
}

async function databaseIndexes(query: Query): Promise<string[]> {
  const rows = await query<{ table: string; name: string; definition: string; unique: boolean }>(`
    SELECT t.relname AS table, i.relname AS name, pg_get_indexdef(i.oid) AS definition, x.indisunique AS unique
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
    WHERE t.relnamespace = 'public'::regnamespace AND NOT x.indisprimary`);
  return rows
    .filter(({ table }) => !internalTables.includes(table))
    .map(({ table, name, definition, unique }) => {
      const [, columns = "", where] = /USING (?:btree|brin) \((.*?)\)(?: WHERE (.*))?$/.exec(definition) ?? [];
      const list = columns.split(", ").map(normalise).join(",");
      return `${table} ${unique ? "unique " : ""}${name} ${list}${where === undefined ? "" : ` where ${normalise(where)}`}`;
    })
    .sort();
}

function drizzleColumns(): string[] {
  return configs
    .flatMap(({ name: table, columns, primaryKeys }) => {
      const keys = primaryKeys.flatMap((key) => key.columns.map((column) => column.name));
      return columns.map((column) => {
        const isKey = column.primary || keys.includes(column.name);
        const hasDefault = column.hasDefault || column.generatedIdentity !== undefined;
        return `${table}.${column.name} ${column.getSQLType()}${column.notNull || isKey ? " not null" : ""}${hasDefault ? " default" : ""}${isKey ? " key" : ""}`;
      });
    })
    .sort();
}

async function databaseColumns(query: Query): Promise<string[]> {
  const rows = await query<{ table: string; line: string }>(`
    SELECT t.relname AS table, t.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
      || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
      || CASE WHEN a.atthasdef OR a.attidentity <> '' THEN ' default' ELSE '' END
      || CASE WHEN a.attnum = ANY (k.conkey) THEN ' key' ELSE '' END AS line
    FROM pg_attribute a JOIN pg_class t ON t.oid = a.attrelid
    LEFT JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype = 'p'
    WHERE t.relnamespace = 'public'::regnamespace AND t.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped`);
  return rows
    .filter(({ table }) => !internalTables.includes(table))
    .map(({ line }) => line)
    .sort();
}

function drizzleReferences(): string[] {
  return configs
    .flatMap(({ name, foreignKeys }) =>
      foreignKeys.map((key) => {
        const { columns, foreignTable, foreignColumns } = key.reference();
        const target = getTableConfig(foreignTable).name;
        return `${name}.${columns[0]?.name} → ${target}.${foreignColumns[0]?.name} ${key.onDelete ?? "no action"}`;
      }),
    )
    .sort();
}

async function databaseReferences(query: Query): Promise<string[]> {
  const rows = await query<{ line: string }>(`
    SELECT c.conrelid::regclass || '.' || a.attname || ' → ' || c.confrelid::regclass || '.' || f.attname || ' '
      || CASE c.confdeltype WHEN 'c' THEN 'cascade' WHEN 'n' THEN 'set null' WHEN 'r' THEN 'restrict' ELSE 'no action' END AS line
    FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
    JOIN pg_attribute f ON f.attrelid = c.confrelid AND f.attnum = c.confkey[1]
    WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace`);
  return rows.map(({ line }) => line).sort();
}

function drizzleSets(): string[] {
  return configs
    .flatMap(({ name: table, columns }) =>
      columns
        .filter((column) => (column.enumValues ?? []).length > 0)
        .map((column) => `${table}.${column.name}: ${[...(column.enumValues ?? [])].sort().join(" ")}`),
    )
    .sort();
}

async function databaseSets(query: Query): Promise<string[]> {
  const rows = await query<{ column: string; definition: string }>(`
    SELECT c.conrelid::regclass || '.' || a.attname AS column, pg_get_constraintdef(c.oid) AS definition
    FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
    WHERE c.contype = 'c' AND c.connamespace = 'public'::regnamespace AND pg_get_constraintdef(c.oid) LIKE '%ARRAY[%'`);
  return rows
    .map(({ column, definition }) => {
      const values = [...definition.matchAll(/'([^']*)'::text/g)].map((match) => match[1]);
      return `${column}: ${values.sort().join(" ")}`;
    })
    .sort();
}

function compareWith(title: string, open: () => Promise<{ query: Query; close(): Promise<void> }>): void {
  describe(title, () => {
    let opened: Awaited<ReturnType<typeof open>>;
    before(async () => {
      opened = await open();
    });
    after(() => opened.close());
    test("the same columns, types, defaults and keys", async () => {
      assert.equal((await databaseColumns(opened.query)).join("\n"), drizzleColumns().join("\n"));
    });
    test("the same indexes by name, order and condition", async () => {
      assert.equal((await databaseIndexes(opened.query)).join("\n"), drizzleIndexes().join("\n"));
    });
    test("the same references", async () => {
      assert.equal((await databaseReferences(opened.query)).join("\n"), drizzleReferences().join("\n"));
    });
    test("the checks are the closed sets of the contract", async () => {
      assert.equal((await databaseSets(opened.query)).join("\n"), drizzleSets().join("\n"));
    });
  });
}

compareWith("embedded PostgreSQL", async () => {
  const database = await createTestDatabase();
  return { query: async (text) => (await database.db.pool.query(text)).rows, close: database.drop };
});

for (const folder of systemPostgresFolders()) {
  compareWith(`PostgreSQL in ${folder}`, async () => {
    const server = await startSystemPostgres(folder);
    const admin = new pg.Client({ connectionString: server.url });
    await admin.connect();
    await admin.query("CREATE DATABASE muster_schema");
    await admin.end();
    const url = withDatabase(server.url, "muster_schema");
    const db = await openDatabase({
      url,
      poolMin: 1,
      poolMax: 2,
      idleTimeoutMs: 1000,
      connectionTimeoutMs: 5000,
      slowQueryMs: 1000,
    });
    await migrate(db.pool);
    return {
      query: async (text) => (await db.pool.query(text)).rows,
      close: async () => {
        await db.close();
        await server.stop();
      },
    };
  });
}
