import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import pg from "pg";
import { migrate, openDatabase, startEmbeddedPostgres, uuidv7 } from "#db";
import { createProviderAccount, createSecretBox } from "#domain";
import { installationKey } from "#main";
import { musterCommand } from "../support/command-line.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const poolOptions = {
  poolMin: 0,
  poolMax: 4,
  idleTimeoutMs: 10_000,
  connectionTimeoutMs: 10_000,
  slowQueryMs: 60_000,
} as const;

/** An installation on a database of the test run's server: there is none to be started for each command. */
interface Installation {
  dataDir: string;
  url: string;
  environment: Record<string, string>;
}

/** Works on the embedded database of a data folder, and leaves it. */
async function withDatabaseOf<Result>(dataDir: string, work: (url: string) => Promise<Result>): Promise<Result> {
  const server = await startEmbeddedPostgres({ dataDir });
  try {
    return await work(server.url);
  } finally {
    await server.stop();
  }
}

async function withClient<Result>(url: string, work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Every row of every table that a backup keeps, as PostgreSQL writes it. */
function contentOf(url: string): Promise<Record<string, string[]>> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
       AND relname NOT IN ('workers', 'schema_migrations', 'schema_functions') ORDER BY relname`,
    );
    const content: Record<string, string[]> = {};
    for (const { name } of rows) {
      const { rows: records } = await client.query<{ line: string }>(
        `SELECT t::text AS line FROM "${name}" t ORDER BY 1`,
      );
      content[name] = records.map((record) => record.line);
    }
    return content;
  });
}

function filesOf(dataDir: string): Record<string, string> {
  const folder = join(dataDir, "workspaces");
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    paths
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path.slice(folder.length), readFileSync(path, "base64")]),
  );
}

describe("muster backup and restore", () => {
  const folder = temporaryFolder();
  const archive = join(folder.path, "muster.tar");
  const inside = (dataDir: string) => ({ MUSTER_DATA_DIR: dataDir });
  const databases: TestDatabase[] = [];
  let source: Installation;

  async function installation(name: string): Promise<Installation> {
    const database = await createTestDatabase();
    databases.push(database);
    const dataDir = join(folder.path, name);
    return { dataDir, url: database.url, environment: { ...inside(dataDir), DATABASE_URL: database.url } };
  }

  before(async () => {
    source = await installation("source");
    const notes = join(folder.path, "notes.md");
    writeFileSync(notes, "# Notes\n\nThe cache always has a hit ratio of 95 %.\n");
    const task = ["run", "Find the claims that cannot hold", "--file", notes];
    const run = await musterCommand(task, source.environment);
    assert.equal(run.code, 0, run.stderr);
    const db = await openDatabase({ ...poolOptions, url: source.url });
    const { rows } = await db.pool.query<{ id: string }>("SELECT id FROM users");
    const scope = { userId: rows[0]?.id ?? "" };
    const account = { kind: "openai", name: "work", apiKey: "sk-test-0123456789abcdef" } as const;
    const secrets = createSecretBox(installationKey(source.dataDir, null));
    const made = await createProviderAccount(db, scope, account, secrets);
    assert.equal(made.outcome, "ok");
    await db.pool.query(
      `INSERT INTO projects (id, user_id, name, description, created_at) VALUES ($1, $2, $3, $4, '1999-12-31 23:59:59.123456+00')`,
      [uuidv7(), scope.userId, "quo\"te, (comma) \\back\\ 'apo'", "line\nline\r\n\ttab\u2028 ünïcode 🙂 {}"],
    );
    await db.pool.query(
      `UPDATE task_attachments SET content = $1::bytea, bytes = octet_length($1::bytea)
       WHERE id = (SELECT id FROM task_attachments LIMIT 1)`,
      [randomBytes(3_000_000)],
    );
    await db.pool.query(
      `UPDATE execution_steps SET data = 'null'::jsonb WHERE id = (SELECT id FROM execution_steps WHERE data IS NULL LIMIT 1)`,
    );
    await db.pool.query("INSERT INTO web_vitals (name, value, page, rating) VALUES ('LCP', 0.1 + 0.2, '/', 'good')");
    await db.close();
    const backup = await musterCommand(["backup", archive], source.environment);
    assert.equal(backup.code, 0, backup.stderr);
    assert.match(backup.stdout, /rows of \d+ tables, 2 files/);
    assert.equal(statSync(archive).mode & 0o777, 0o600);
  });
  after(async () => {
    await Promise.all(databases.map((database) => database.drop()));
    await folder.remove();
  });

  it("gives an empty folder every row, every file and the key; with its own database, a backup of it has the same", async () => {
    const target = join(folder.path, "target");
    const restored = await musterCommand(["restore", archive], inside(target));
    assert.equal(restored.code, 0, restored.stderr);
    const original = await contentOf(source.url);
    const again = join(folder.path, "again.tar");
    await withDatabaseOf(target, async (url) => {
      assert.deepEqual(await contentOf(url), original);
      const refused = await musterCommand(["restore", archive, "--force"], inside(target));
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /runs on this data folder: stop it first/);
      const doctor = await musterCommand(["doctor"], inside(target));
      assert.equal(doctor.code, 0, doctor.stdout);
      assert.match(doctor.stdout, /1 stored provider key can be opened/);
      assert.equal((await musterCommand(["backup", again], inside(target))).code, 0);
      // Numbers go on behind the restored ones.
      const next = await withClient(url, async (client) => {
        const { rows } = await client.query<{ id: string }>(
          "INSERT INTO web_vitals (name, value, page, rating) VALUES ('LCP', 1, '/', 'good') RETURNING id",
        );
        return rows[0]?.id;
      });
      assert.equal(next, "2");
    });
    assert.deepEqual(filesOf(target), filesOf(source.dataDir));
    // What came since is thrown away with --force, also by a command that has to start the database itself.
    const forced = await musterCommand(["restore", again, "--force"], inside(target));
    assert.equal(forced.code, 0, forced.stderr);
    assert.deepEqual(await withDatabaseOf(target, contentOf), original);
    assert.deepEqual(filesOf(target), filesOf(source.dataDir));
  });

  it("shows one moment while others write", async () => {
    const busy = join(folder.path, "busy.tar");
    const stop = new AbortController();
    const writer = withClient(source.url, async (client) => {
      const { rows } = await client.query<{ id: string }>("SELECT id FROM users");
      let written = 0;
      for (; !stop.signal.aborted; written++) {
        const project = uuidv7();
        await client.query("BEGIN");
        await client.query("INSERT INTO projects (id, user_id, name) VALUES ($1, $2, 'pair')", [project, rows[0]?.id]);
        await client.query("INSERT INTO tasks (id, user_id, project_id, title) VALUES ($1, $2, $3, 'pair')", [
          uuidv7(),
          rows[0]?.id,
          project,
        ]);
        await client.query("COMMIT");
      }
      return written;
    });
    const backup = await musterCommand(["backup", busy], source.environment);
    assert.equal(backup.code, 0, backup.stderr);
    stop.abort();
    const pairs = await writer;
    const target = await installation("busy");
    assert.equal((await musterCommand(["restore", busy], target.environment)).code, 0);
    const content = await contentOf(target.url);
    const count = (table: string) => content[table]?.filter((line) => line.includes(",pair,")).length ?? 0;
    assert.ok(count("tasks") > 0, "nothing was written meanwhile");
    assert.equal(count("projects"), count("tasks"));
    assert.ok(count("tasks") <= pairs);
  });

  it("replaces an installation only when it is told to", async () => {
    const target = await installation("other");
    const other = await musterCommand(["token", "create"], target.environment);
    assert.equal(other.code, 0, other.stderr);
    const before = await contentOf(target.url);
    const refused = await musterCommand(["restore", archive], target.environment);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /restore into an empty installation.*--force/);
    assert.deepEqual(await contentOf(target.url), before);
    const forced = await musterCommand(["restore", archive, "--force"], target.environment);
    assert.equal(forced.code, 0, forced.stderr);
    assert.deepEqual((await contentOf(target.url)).users, (await contentOf(source.url)).users);
  });

  it("refuses to overwrite a file, and to back up nothing", async () => {
    const again = await musterCommand(["backup", archive], source.environment);
    assert.equal(again.code, 2);
    assert.match(again.stderr, /is there already.*--force/);
    const nothing = await musterCommand(["backup", join(folder.path, "n.tar")], inside(join(folder.path, "nothing")));
    assert.equal(nothing.code, 1);
    assert.match(nothing.stderr, /nothing in .* to back up/);
  });

  it("leaves everything as it was when the archive is damaged, cut short or another's", async () => {
    const target = join(folder.path, "untouched");
    const bytes = readFileSync(archive);
    const changed = Buffer.from(bytes);
    const at = bytes.length - 4_000;
    changed[at] = (changed[at] ?? 0) ^ 0xff;
    const bad = { changed, short: bytes.subarray(0, bytes.length / 2), foreign: Buffer.from("no archive") };
    for (const [name, content] of Object.entries(bad)) {
      const path = join(folder.path, `${name}.tar`);
      writeFileSync(path, content);
      const refused = await musterCommand(["restore", path], inside(target));
      assert.equal(refused.code, 1, name);
      assert.match(refused.stderr, /cannot be restored: .*use another backup/, name);
      assert.doesNotMatch(refused.stderr, /\n\s+at /, name);
    }
    const missing = await musterCommand(["restore", join(folder.path, "none.tar")], inside(target));
    assert.notEqual(missing.code, 0);
    assert.match(missing.stderr, /none\.tar/);
    assert.equal(existsSync(target), false);
  });

  it("brings a backup of an older Muster up to date, and refuses one of a newer", async () => {
    const old = await installation("old");
    const path = join(folder.path, "old.tar");
    const db = await openDatabase({ ...poolOptions, url: old.url });
    await db.pool.query("DROP SCHEMA public CASCADE");
    await db.pool.query("CREATE SCHEMA public");
    await migrate(db.pool, { upTo: "0001_init.sql" });
    await db.pool.query(
      "INSERT INTO users (id, email, name, password_hash, role) VALUES ($1, 'old@example.com', 'Old', 'x', 'owner')",
      [uuidv7()],
    );
    await db.close();
    assert.equal((await musterCommand(["backup", path], old.environment)).code, 0);
    const target = await installation("updated");
    const restored = await musterCommand(["restore", path], target.environment);
    assert.equal(restored.code, 0, restored.stderr);
    const doctor = await musterCommand(["doctor", "--json"], target.environment);
    assert.match(doctor.stdout, /migrations applied/);
    const { findings } = JSON.parse(doctor.stdout) as { findings: { level: string; what: string }[] };
    const problems = findings.filter(({ level }) => level === "problem").map(({ what }) => what);
    // So is the server of a test run.
    assert.deepEqual(problems, ["fsync is off: a crash of the machine destroys the data"]);
    assert.match((await contentOf(target.url)).users?.[0] ?? "", /old@example\.com/);

    await withClient(target.url, (client) =>
      client.query("INSERT INTO schema_migrations (name, checksum) VALUES ('9999_future.sql', 'x')"),
    );
    rmSync(path);
    assert.equal((await musterCommand(["backup", path], target.environment)).code, 0);
    const newer = await musterCommand(["restore", path], (await installation("newer")).environment);
    assert.equal(newer.code, 1);
    assert.match(newer.stderr, /newer Muster/);
  });
});
