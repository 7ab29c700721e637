import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Database, type OffsetPage, uuidv7 } from "#db";
import { listBudgets, listProjects, listSquads, listTasks } from "#domain";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { openExplained } from "../support/explained-database.ts";

// One person with 20,000 of everything, with texts: whichever page of a list is asked for, the others are counted and skipped in an
// index and never read. What PostgreSQL touched for it is told by auto_explain.

const many = 20_000;
/** Of 8 KB. The tasks alone are 3,000 of them; what is read of an index, to count and to skip, some 500. */
const mostBlocks = 1_000;
/** As ids of the application are: each after those made before it. */
const ordered = "('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid";

let database: TestDatabase;
const [userId, projectId, squadId] = [uuidv7(), uuidv7(), uuidv7()];

before(async () => {
  database = await createTestDatabase({ poolMax: 2 });
  const statements: [string, unknown[]][] = [
    [
      "INSERT INTO users (id, email, name, password_hash, role) VALUES ($1, 'many@example.org', 'Many', '!', 'owner')",
      [userId],
    ],
    [
      `INSERT INTO projects (id, user_id, name, description)
       SELECT CASE WHEN n = 1 THEN $2::uuid ELSE ${ordered} END, $1, 'Project ' || n, repeat(md5(n::text), 30)
       FROM generate_series(1, $3::int) n`,
      [userId, projectId, many],
    ],
    [
      `INSERT INTO squads (id, user_id, slug, name, goal, status)
       SELECT CASE WHEN n = 1 THEN $2::uuid ELSE ${ordered} END, $1, 's-' || n, 'Squad ' || n, repeat(md5(n::text), 30),
         (ARRAY['active', 'paused'])[1 + n % 2]
       FROM generate_series(1, $3::int) n`,
      [userId, squadId, many],
    ],
    [
      `INSERT INTO tasks (id, user_id, project_id, squad_id, title, description, status)
       SELECT ${ordered}, $1, $2, $3, 'Task ' || n, repeat(md5(n::text), 30), (ARRAY['pending', 'completed'])[1 + n % 2]
       FROM generate_series(1, $4::int) n`,
      [userId, projectId, squadId, many],
    ],
    [
      `INSERT INTO budgets (id, user_id, level, scope_id, period, limit_nano_usd)
       SELECT id, $1, 'squad', id, 'total', 1000 FROM squads WHERE user_id = $1`,
      [userId],
    ],
  ];
  for (const [text, values] of statements) await database.db.pool.query(text, values);
  await database.db.pool.query("VACUUM ANALYZE");
});
after(() => database.drop());

type Position = { page: number; pageSize: number };
type List = (db: Database, position: Position) => Promise<OffsetPage<{ id: string }>>;

const scope = { userId };
const lists: Record<string, { of: number; list: List }> = {
  "all tasks": { of: many, list: (db, at) => listTasks(db, scope, at) },
  "tasks of a state": { of: many / 2, list: (db, at) => listTasks(db, scope, { ...at, status: "pending" }) },
  "tasks of a priority": { of: many, list: (db, at) => listTasks(db, scope, { ...at, priority: "medium" }) },
  "tasks of a project": { of: many, list: (db, at) => listTasks(db, scope, { ...at, projectId }) },
  "tasks of a project's state": {
    of: many / 2,
    list: (db, at) => listTasks(db, scope, { ...at, projectId, status: "completed" }),
  },
  "tasks of a squad": { of: many, list: (db, at) => listTasks(db, scope, { ...at, squadId }) },
  "all squads": { of: many, list: (db, at) => listSquads(db, scope, at) },
  "squads of a state": { of: many / 2, list: (db, at) => listSquads(db, scope, { ...at, status: "active" }) },
  "all projects": { of: many, list: (db, at) => listProjects(db, scope, at) },
  "all budgets": { of: many, list: (db, at) => listBudgets(db, scope, at) },
};

interface Touched {
  "Shared Hit Blocks": number;
  "Shared Read Blocks": number;
  "Temp Written Blocks": number;
}

for (const mode of ["force_custom_plan", "force_generic_plan"]) {
  for (const [what, { of, list }] of Object.entries(lists)) {
    test(`${what}: the first page and the last read no more than they show (${mode})`, async () => {
      const explained = await openExplained(database.url, {
        plan_cache_mode: mode,
        "auto_explain.log_analyze": "on",
        "auto_explain.log_buffers": "on",
        "auto_explain.log_timing": "off",
      });
      try {
        const seen = new Set<string>();
        for (const page of [1, of / 20]) {
          const { data, total, pages } = await list(explained.db, { page, pageSize: 20 });
          assert.deepEqual({ total, pages, rows: data.length }, { total: of, pages: of / 20, rows: 20 });
          for (const { id } of data) seen.add(id);
          const [told, ...more] = explained.take();
          assert.ok(told && more.length === 0, "one statement");
          const plan = told.Plan as typeof told.Plan & Touched;
          assert.equal(plan["Temp Written Blocks"], 0, `page ${page} was spooled to disk`);
          const blocks = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"];
          assert.ok(blocks > 0 && blocks <= mostBlocks, `${blocks} blocks for page ${page}`);
        }
        assert.equal(seen.size, 40);
      } finally {
        await explained.db.close();
      }
    });
  }
}
