import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createTestDatabase, type TestDatabase, withDatabase } from "../../test/support/database.ts";
import { insertExecution, insertTask } from "../../test/support/executions.ts";
import { type Database, migrate, openDatabase, uuidv7 } from "./index.ts";

let home: TestDatabase;
before(async () => {
  home = await createTestDatabase();
});
after(() => home.drop());

const options = { poolMin: 0, poolMax: 4, idleTimeoutMs: 1_000, connectionTimeoutMs: 5_000, slowQueryMs: 1_000 };

/** An empty database, not yet migrated, for the time of one test. */
async function withEmptyDatabase(name: string, work: (db: Database, url: string) => Promise<void>): Promise<void> {
  await home.db.pool.query(`CREATE DATABASE ${name}`);
  const url = withDatabase(home.url, name);
  const db = await openDatabase({ ...options, url });
  try {
    await work(db, url);
  } finally {
    await db.close();
    await home.db.pool.query(`DROP DATABASE ${name} WITH (FORCE)`);
  }
}

test("processes that migrate at the same moment apply each file once", () =>
  withEmptyDatabase("migrate_together", async (db, url) => {
    const others = await Promise.all([1, 2, 3].map(() => openDatabase({ ...options, url })));
    const results = await Promise.all([db, ...others].map((one) => migrate(one.pool)));
    await Promise.all(others.map((one) => one.close()));
    assert.equal(results.filter(({ applied }) => applied.includes("0001_init.sql")).length, 1);
    const { rows } = await db.pool.query("SELECT count(*) AS n FROM schema_migrations WHERE name = '0001_init.sql'");
    assert.deepEqual(rows, [{ n: 1 }]);
    assert.deepEqual(await migrate(db.pool), { applied: [], functions: [] });
  }));

test("functions are applied again when they changed", () =>
  withEmptyDatabase("migrate_functions", async (db) => {
    const first = await migrate(db.pool);
    assert.ok(first.functions.length > 0);
    await db.pool.query("UPDATE schema_functions SET checksum = 'old' WHERE name = $1", [first.functions[0]]);
    assert.deepEqual((await migrate(db.pool)).functions, [first.functions[0]]);
  }));

test("a migration that was changed, and one of a newer Muster, stop the start and leave the database as it is", () =>
  withEmptyDatabase("migrate_refused", async (db) => {
    await migrate(db.pool);
    await db.pool.query("INSERT INTO schema_migrations (name, checksum) VALUES ('9999_future.sql', 'x')");
    const { rows: before } = await db.pool.query("SELECT checksum FROM schema_migrations WHERE name = '0001_init.sql'");
    await assert.rejects(migrate(db.pool), /newer Muster \(9999_future.sql\)/);
    await db.pool.query("DELETE FROM schema_migrations WHERE name = '9999_future.sql'");
    await db.pool.query("UPDATE schema_migrations SET checksum = 'x' WHERE name = '0001_init.sql'");
    await assert.rejects(migrate(db.pool), /0001_init.sql was changed after it had been applied/);
    await db.pool.query("UPDATE schema_migrations SET checksum = $1 WHERE name = '0001_init.sql'", [
      before[0]?.checksum,
    ]);
    // The lock went with the failed sessions: nobody waits for it.
    assert.deepEqual(await migrate(db.pool), { applied: [], functions: [] });
  }));

test("a migration that fails leaves nothing of itself", () =>
  withEmptyDatabase("migrate_failed", async (db) => {
    // The first migration cannot create a table that is there already.
    await db.pool.query("CREATE TABLE notifications (x int)");
    await assert.rejects(migrate(db.pool), /already exists/);
    const { rows } = await db.pool.query(
      "SELECT to_regclass('users') AS users, (SELECT count(*) FROM schema_migrations) AS n",
    );
    assert.deepEqual(rows, [{ users: null, n: 0 }]);
  }));

test("events that were stored one by one are still read, in their order, as what they were", () =>
  withEmptyDatabase("migrate_events", async (db) => {
    await migrate(db.pool, { upTo: "0005_zzzz.sql" });
    const id = await insertExecution(db, await insertTask(db));
    await db.pool.query(
      `INSERT INTO execution_events (execution_id, seq, at, type, data)
       SELECT $1, n, timestamptz '2026-01-01' + interval '1 second' * (n % 3), 'message-delta', jsonb_build_object('text', n) FROM generate_series(1, 20) n`,
      [id],
    );
    const { rows: before } = await db.pool.query("SELECT * FROM execution_events ORDER BY seq");
    await migrate(db.pool);
    const { rows: after } = await db.pool.query("SELECT * FROM execution_events ORDER BY seq");
    assert.deepEqual(after, before);
  }));

test("notifications with random ids take the place of their moment among the others", () =>
  withEmptyDatabase("migrate_notifications", async (db) => {
    await migrate(db.pool, { upTo: "0019_zzzz.sql" });
    const { userId } = await insertTask(db);
    const version = "substring(id::text FROM 15 FOR 1)";
    await db.pool.query(
      `INSERT INTO notifications (id, user_id, kind, title, created_at)
       SELECT gen_random_uuid(), $1, 'budget_warning', n::text, timestamptz '2026-01-01' + interval '1 minute' * n FROM generate_series(1, 20) n`,
      [userId],
    );
    const made = uuidv7();
    await db.pool.query("INSERT INTO notifications (id, user_id, kind, title) VALUES ($1, $2, 'system', 'made')", [
      made,
      userId,
    ]);
    await migrate(db.pool);
    const { rows } = await db.pool.query(`SELECT id, title, ${version} AS version FROM notifications ORDER BY id`);
    assert.deepEqual(
      rows.map(({ title, version }) => `${title} ${version}`),
      [...Array.from({ length: 20 }, (_, n) => `${n + 1} 7`), "made 7"],
    );
    assert.equal(rows.at(-1)?.id, made);
    const before = Date.now();
    const { rows: one } = await db.pool.query<{ id: string }>("SELECT muster_uuidv7() AS id");
    const id = one[0]?.id ?? "";
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const at = Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16);
    assert.ok(at >= before - 1 && at <= Date.now() + 1, `${at} is not now`);
  }));
