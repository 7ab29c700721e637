import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createTestDatabase, type TestDatabase } from "../../test/support/database.ts";
import { CommitUnknownError, openDatabase, type Queryable, type SlowQuery, uuidv7 } from "./index.ts";

let database: TestDatabase;
const measured: { name: string; failed: boolean }[] = [];
const waits: number[] = [];
const slow: SlowQuery[] = [];
const errors: Error[] = [];

before(async () => {
  database = await createTestDatabase({
    poolMax: 3,
    slowQueryMs: 40,
    onSlowQuery: (query) => slow.push(query),
    onError: (error) => errors.push(error),
    metrics: {
      queryFinished: (name, _durationMs, failed) => measured.push({ name, failed }),
      connectionWaited: (waitMs) => waits.push(waitMs),
    },
  });
});
after(() => database.drop());

async function insertUser(queryable: Queryable = database.db, id = uuidv7()): Promise<string> {
  await queryable.query("insert_user", "INSERT INTO users (id, email, name, password_hash) VALUES ($1, $2, 'A', 'x')", [
    id,
    `${id}@example.org`,
  ]);
  return id;
}

test("int8 is a number, date is text, a number too large is refused", async () => {
  const { rows } = await database.db.query("types", "SELECT 9007199254740991::int8 AS n, DATE '2026-11-01' AS d");
  assert.deepEqual(rows, [{ n: 9007199254740991, d: "2026-11-01" }]);
  await assert.rejects(database.db.query("too_large", "SELECT 9007199254740993::int8 AS n"), RangeError);
});

test("every query is measured by its name, also a failed one", async () => {
  measured.length = 0;
  waits.length = 0;
  const id = await insertUser();
  const { rows } = await database.db.query("user_by_id", "SELECT id FROM users WHERE id = $1", [id]);
  assert.deepEqual(rows, [{ id }]);
  await assert.rejects(database.db.query("broken", "SELECT nothing FROM nowhere"));
  assert.deepEqual(measured, [
    { name: "insert_user", failed: false },
    { name: "user_by_id", failed: false },
    { name: "broken", failed: true },
  ]);
  assert.equal(waits.length, 3);
});

test("a refused statement does not cost the connection", async () => {
  const pid = async () => (await database.db.query("pid", "SELECT pg_backend_pid() AS pid")).rows[0]?.pid;
  const first = await pid();
  await assert.rejects(database.db.query("division", "SELECT 1/0"));
  assert.equal(await pid(), first);
});

test("a slow query is reported with at most 200 characters of it and no values", async () => {
  slow.length = 0;
  await database.db.query("sleepy", `SELECT pg_sleep(0.05), $1::text AS secret ${"-- long ".repeat(50)}`, ["hush"]);
  assert.equal(slow.length, 1);
  assert.equal(slow[0]?.name, "sleepy");
  assert.equal(slow[0]?.statement.length, 200);
  assert.ok((slow[0]?.durationMs ?? 0) >= 40);
  assert.doesNotMatch(JSON.stringify(slow), /hush/);
});

test("a transaction commits what it did, or nothing", async () => {
  const id = uuidv7();
  await assert.rejects(
    database.db.transaction(async (transaction) => {
      await insertUser(transaction, id);
      throw new Error("changed my mind");
    }),
    /changed my mind/,
  );
  const count = async () =>
    (await database.db.query("count", "SELECT count(*) AS n FROM users WHERE id = $1", [id])).rows[0]?.n;
  assert.equal(await count(), 0);
  const result = await database.db.transaction(async (transaction) => {
    await insertUser(transaction, id);
    return (await transaction.query("inside", "SELECT 1 AS one")).rows[0]?.one;
  });
  assert.equal(result, 1);
  assert.equal(await count(), 1);
});

test("beginning and ending a transaction is measured too: a commit that takes long is a slow query", async () => {
  const { db } = database;
  // What PostgreSQL leaves until the commit: a deferred trigger stands for a disk that is slow.
  await db.pool.query(`
    CREATE TABLE slow_commit (n int);
    CREATE FUNCTION sleep_at_commit() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_sleep(0.05); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER sleeps AFTER INSERT ON slow_commit DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION sleep_at_commit();`);
  measured.length = 0;
  slow.length = 0;
  await db.transaction((transaction) => transaction.query("insert_slow", "INSERT INTO slow_commit VALUES (1)"));
  await assert.rejects(db.transaction(() => Promise.reject(new Error("changed my mind"))));
  assert.deepEqual(
    measured.map(({ name }) => name),
    ["begin", "insert_slow", "commit", "begin", "rollback"],
  );
  // A busy machine may have made others slow, too.
  assert.deepEqual(
    slow.filter(({ name }) => name === "commit").map(({ statement }) => statement),
    ["COMMIT"],
  );
});

test("connections that the server ends do not end the process, in use or idle", async () => {
  const { db } = database;
  await assert.rejects(
    db.transaction(async (transaction) => {
      await transaction.query("suicide", "SELECT pg_terminate_backend(pg_backend_pid())");
    }),
  );
  const killer = await openDatabase({
    url: database.url,
    poolMin: 0,
    poolMax: 1,
    idleTimeoutMs: 1000,
    connectionTimeoutMs: 5000,
    slowQueryMs: 1000,
  });
  await Promise.all([db.query("a", "SELECT 1"), db.query("b", "SELECT 1")]);
  errors.length = 0;
  const idle = db.poolState().total;
  const noticed = new Promise<void>((resolve) => {
    db.pool.on("error", () => errors.length === idle && resolve());
  });
  await killer.query(
    "kill",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()",
  );
  await noticed;
  await killer.close();
  assert.equal(db.poolState().total, 0);
  assert.deepEqual((await db.query("after", "SELECT 2 AS two")).rows, [{ two: 2 }]);
});

test("a COMMIT whose answer is lost is told apart from a rollback", async () => {
  await database.db.query("make_trigger", "CREATE TABLE lost_commit (n int PRIMARY KEY)");
  await assert.rejects(
    database.db.transaction(async (transaction) => {
      await transaction.query("insert_lost", "INSERT INTO lost_commit VALUES (1)");
      const socket = (transaction.client as unknown as { connection: { stream: { destroy(): void } } }).connection
        .stream;
      // The COMMIT is written after this function; the socket is gone before its answer can come.
      setImmediate(() => socket.destroy());
    }),
    CommitUnknownError,
  );
});

test("waiting for a connection beyond the limit is an error, closing twice is none", async () => {
  const small = await openDatabase({
    url: database.url,
    poolMin: 1,
    poolMax: 1,
    idleTimeoutMs: 1000,
    connectionTimeoutMs: 1_000,
    slowQueryMs: 1000,
  });
  const held = await small.pool.connect();
  await assert.rejects(small.query("waits", "SELECT 1"), /timeout/);
  assert.deepEqual(small.poolState(), { total: 1, idle: 0, waiting: 0 });
  held.release();
  await Promise.all([small.close(), small.close()]);
  await small.close();
});

test("who is handed an idle connection does not wait", async () => {
  const settings = { poolMin: 2, poolMax: 2, idleTimeoutMs: 1_000, connectionTimeoutMs: 5_000, slowQueryMs: 1_000 };
  const small = await openDatabase({ url: database.url, ...settings });
  try {
    const both = [small.query("one", "SELECT 1"), small.query("two", "SELECT 2")];
    assert.equal(small.poolState().waiting, 0);
    const third = small.query("three", "SELECT 3");
    assert.equal(small.poolState().waiting, 1);
    await Promise.all([...both, third]);
  } finally {
    await small.close();
  }
});

test("idle connections above the minimum are closed, those of the minimum stay", async () => {
  const small = await openDatabase({
    url: database.url,
    poolMin: 2,
    poolMax: 6,
    idleTimeoutMs: 100,
    connectionTimeoutMs: 5_000,
    slowQueryMs: 1_000,
  });
  try {
    assert.deepEqual(small.poolState(), { total: 2, idle: 2, waiting: 0 });
    const held = await Promise.all(Array.from({ length: 6 }, () => small.pool.connect()));
    assert.equal(small.poolState().total, 6);
    const removed = new Promise<void>((resolve) =>
      small.pool.on("remove", () => small.pool.totalCount === 2 && resolve()),
    );
    for (const client of held) client.release();
    await removed;
    assert.equal((await small.query("still", "SELECT 1 AS n")).rows[0]?.n, 1);
    assert.equal(small.poolState().total, 2);
  } finally {
    await small.close();
  }
});

test("connections beyond the first few are opened for those who wait, up to the maximum, and go again", async () => {
  const pool = await openDatabase({
    url: database.url,
    poolMin: 1,
    poolMax: 14,
    idleTimeoutMs: 1_000,
    connectionTimeoutMs: 5_000,
    slowQueryMs: 1_000,
  });
  // Short work in a crowd: whoever is next gets the connection of whoever is done. One more is opened for each 50 ms that
  // somebody waits, which a slow machine may need.
  const shortWork = async () => {
    const began = performance.now();
    await Promise.all(Array.from({ length: 40 }, () => pool.query("short", "SELECT 1")));
    const opened = pool.poolState().total;
    const most = 8 + Math.floor((performance.now() - began) / 50);
    assert.ok(opened >= 8 && opened <= most, `${opened} connections, at most ${most}`);
  };
  try {
    // A warm pool first: making connections takes time itself.
    for (const client of await Promise.all(Array.from({ length: 8 }, () => pool.pool.connect()))) client.release();
    await shortWork();
    // Work that holds its connection, also while it asks for another: nobody waits for ever.
    const held = await Promise.all(Array.from({ length: 14 }, () => pool.pool.connect()));
    assert.equal(pool.poolState().total, 14);
    const beyond = pool.pool.connect();
    held.pop()?.release();
    held.push(await beyond);
    assert.equal(pool.poolState().total, 14);
    const removed = new Promise<void>((resolve) =>
      pool.pool.on("remove", () => pool.pool.totalCount === 1 && resolve()),
    );
    for (const client of held) client.release();
    await removed;
    await shortWork();
  } finally {
    await pool.close();
  }
});

test("the server cancels a statement after its time-out, the wait for a connection is measured", async () => {
  const waits: number[] = [];
  const small = await openDatabase({
    url: database.url,
    poolMin: 1,
    poolMax: 1,
    idleTimeoutMs: 1_000,
    connectionTimeoutMs: 5_000,
    slowQueryMs: 1_000,
    statementTimeoutMs: 80,
    metrics: { queryFinished: () => undefined, connectionWaited: (waitMs) => waits.push(waitMs) },
  });
  try {
    waits.length = 0;
    // One connection: the second waits as long as the first is worked on.
    const first = small.query("endless", "SELECT pg_sleep(30)");
    const second = small.query("after", "SELECT 1");
    await assert.rejects(first, { code: "57014" });
    await second;
    assert.equal(waits.length, 2);
    assert.ok(Math.max(...waits) >= 70, `waited ${waits.join(", ")} ms`);
  } finally {
    await small.close();
  }
});

test("a server that is not there is an error at once", async () => {
  const url = new URL(database.url);
  url.port = "1";
  await assert.rejects(
    openDatabase({
      url: url.href,
      poolMin: 1,
      poolMax: 2,
      idleTimeoutMs: 1000,
      connectionTimeoutMs: 1000,
      slowQueryMs: 1000,
    }),
    /ECONNREFUSED/,
  );
});

test("what is told of the pools holds the replica's connections, what decides about load only the primary's", async () => {
  const both = await openDatabase({
    url: database.url,
    readUrl: database.url,
    poolMin: 2,
    poolMax: 4,
    idleTimeoutMs: 10_000,
    connectionTimeoutMs: 5_000,
    slowQueryMs: 1_000,
  });
  try {
    assert.deepEqual(both.poolState(), { total: 2, idle: 2, waiting: 0 });
    assert.deepEqual(both.allPools(), { total: 4, idle: 4, waiting: 0 });
  } finally {
    await both.close();
  }
});
