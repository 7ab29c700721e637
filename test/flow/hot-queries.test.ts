import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import pg from "pg";
import { type Database, seed, seedId } from "#db";
import {
  countUnread,
  findApiKey,
  findSession,
  listExecutions,
  listLlmCalls,
  listMessages,
  listNotifications,
  listProjects,
  listSquads,
  listTasks,
  listUsage,
  readDashboard,
  readExecution,
  readSpend,
  readSquad,
  readTask,
  rollUpUsage,
  summarizeUsage,
} from "#domain";
import { readEvents } from "#events";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { plannedInHotQueries } from "../support/statement-names.ts";

// Every hot query of the product is run on a database with 5,000 squads and 100,000 messages (`npm run test:plans`: a million). Each statement that it
// sent is then explained, with its values and as the generic plan that a prepared statement may end up with.

let database: TestDatabase;
let name: string;
let userId: string;
const messages = Number(process.env.TEST_MESSAGES ?? 100_000);

before(async () => {
  database = await createTestDatabase({ poolMax: 4 });
  const owner = { email: "hot@example.org", name: "Hot", passwordHash: "!" };
  ({ name, userId } = await seed(database.db, { owner, messages }));
  await rollUpUsage(database.db);
  const many = "FROM users u, generate_series(1, 5) n";
  await database.db.pool.query(
    `INSERT INTO sessions (id, user_id, token_hash, expires_at) SELECT gen_random_uuid(), u.id, decode(md5(u.id::text || n), 'hex'), now() + interval '1 day' ${many}`,
  );
  await database.db.pool.query(
    `INSERT INTO api_keys (id, user_id, name, prefix, token_hash) SELECT gen_random_uuid(), u.id, 'k', 'mst_', decode(md5(u.id::text || n), 'hex') ${many}`,
  );
  await database.db.pool.query("ANALYZE usage_days, sessions, api_keys");
});
after(() => database.drop());

interface Statement {
  name: string;
  text: string;
  values: readonly unknown[];
}

interface PlanNode {
  "Node Type": string;
  "Relation Name"?: string;
  "Index Name"?: string;
  Plans?: PlanNode[];
}

const names = new Set<string>();

async function recordStatements(work: (db: Database) => Promise<unknown>): Promise<Statement[]> {
  const statements: Statement[] = [];
  await work({
    ...database.db,
    query: (statement, text, values = []) => {
      names.add(statement);
      statements.push({ name: statement, text, values });
      return database.db.query(statement, text, values);
    },
  });
  return statements;
}

function flatten(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(flatten)];
}

async function explain(statement: Statement, generic: boolean): Promise<PlanNode[]> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    const options = generic ? "FORMAT JSON, GENERIC_PLAN" : "FORMAT JSON";
    const values = generic ? [] : [...statement.values];
    const { rows } = await client.query<{ "QUERY PLAN": { Plan: PlanNode }[] }>(
      `EXPLAIN (${options}) ${statement.text}`,
      values,
    );
    const plan = rows[0]?.["QUERY PLAN"][0]?.Plan;
    assert.ok(plan, statement.name);
    return flatten(plan);
  } finally {
    await client.end();
  }
}

const id = (kind: Parameters<typeof seedId>[1], number: number) => seedId(name, kind, number);

/** What is run, and the index that one of its statements must use. */
const cases: { what: string; index: RegExp; run: (db: Database) => Promise<unknown> }[] = [
  {
    what: "a page of squads with their members",
    index: /^idx_squads_user_id/,
    run: (db) => listSquads(db, { userId }, {}),
  },
  {
    what: "the members of a page of squads",
    index: /^idx_squad_members_squad_id$/,
    run: (db) => listSquads(db, { userId }, {}),
  },
  {
    what: "active squads",
    index: /^idx_(active_squads|squads_user_id.*)$/,
    run: (db) => listSquads(db, { userId }, { status: "active" }),
  },
  {
    what: "one squad",
    index: /^(idx_squads_user_id_id|squads_pkey)$/,
    run: (db) => readSquad(db, { userId }, id("squad", 3)),
  },
  {
    what: "squads by a part of their name",
    index: /^idx_squads_user_id/,
    run: (db) => listSquads(db, { userId }, { search: "nothing is called this" }),
  },
  {
    what: "projects by a part of their name",
    index: /^idx_projects_user_id$/,
    run: (db) => listProjects(db, { userId }, { search: "nothing is called this" }),
  },
  {
    what: "executions by a part of their task's title",
    index: /^idx_executions_user_id$/,
    run: (db) => listExecutions(db, { userId }, { search: "nothing is called this" }),
  },
  { what: "projects", index: /^idx_projects_user_id$/, run: (db) => listProjects(db, { userId }, {}) },
  {
    what: "tasks of a project by status and priority",
    index: /^idx_tasks_project_status_priority$/,
    run: (db) => listTasks(db, { userId }, { projectId: id("project", 2), status: "pending", priority: "high" }),
  },
  {
    what: "pending tasks of a squad",
    index: /^idx_tasks_squad_id$/,
    run: async (db) => {
      await listTasks(db, { userId }, { squadId: id("squad", 2), status: "pending" });
      await listTasks(db, { userId }, { squadId: id("squad", 2), status: "pending", priority: "high" });
    },
  },
  { what: "one task", index: /^(idx_tasks_user_id|tasks_pkey)$/, run: (db) => readTask(db, { userId }, id("task", 3)) },
  { what: "executions", index: /^idx_executions_user_id$/, run: (db) => listExecutions(db, { userId }, {}) },
  {
    what: "executions by status",
    index: /^idx_executions_user_status$/,
    run: (db) => listExecutions(db, { userId }, { status: "running" }),
  },
  {
    what: "executions of a squad by status",
    index: /^idx_executions_(squad_status_created|user_status)$/,
    run: (db) => listExecutions(db, { userId }, { squadId: id("squad", 0), status: "completed" }),
  },
  {
    what: "one execution with its steps",
    index: /^execution_steps_execution_id_key_key$/,
    run: (db) => readExecution(db, { userId }, id("execution", 0)),
  },
  {
    what: "messages, newest first",
    index: /^idx_agent_messages_execution_id$/,
    run: (db) => listMessages(db, { userId }, id("execution", 0), {}),
  },
  {
    what: "messages, oldest first",
    index: /^idx_agent_messages_execution_id$/,
    run: (db) => listMessages(db, { userId }, id("execution", 0), { order: "asc" }),
  },
  {
    what: "messages of a step with some words",
    index: /^idx_agent_messages_execution_id$/,
    run: async (db) => {
      const stepId = id("execution", 1);
      for (const order of ["desc", "asc"] as const) {
        await listMessages(db, { userId }, id("execution", 0), { order, search: "nowhere" });
        await listMessages(db, { userId }, id("execution", 0), { order, stepId });
        await listMessages(db, { userId }, id("execution", 0), { order, stepId, search: "nowhere" });
      }
    },
  },
  {
    what: "one message by its id",
    index: /^idx_agent_messages_execution_id$/,
    run: (db) => listMessages(db, { userId }, id("execution", 0), { from: id("execution", 1), limit: 1 }),
  },
  {
    what: "events after a number",
    index: /^execution_event_batches_pkey$/,
    run: (db) => readEvents(db, id("execution", 0), 5, 100),
  },
  { what: "the dashboard", index: /^idx_executions_user_status$/, run: (db) => readDashboard(db, { userId }) },
  { what: "notifications", index: /^idx_notifications_user_id$/, run: (db) => listNotifications(db, { userId }, {}) },
  { what: "unread notifications", index: /^idx_notifications_unread$/, run: (db) => countUnread(db, { userId }) },
  {
    what: "usage, its first page and the next",
    index: /^idx_llm_usage_user_at$/,
    run: async (db) => {
      const { nextCursor } = await listUsage(db, { userId }, { limit: 5 });
      assert.ok(nextCursor !== null, "there is one page only");
      await listUsage(db, { userId }, { limit: 5, cursor: nextCursor });
    },
  },
  ...(["squad", "model", "member", "day"] as const).map((group) => ({
    what: `usage of a month by ${group}`,
    index: /^idx_(usage_days_user_day|llm_usage_user_at)$/,
    run: (db: Database) =>
      summarizeUsage(db, { userId }, { from: new Date(Date.now() - 30 * 86_400_000), to: new Date() }, group),
  })),
  {
    what: "what was spent",
    index: /^idx_(usage_days_user_day|llm_usage_user_at)$/,
    run: (db) => readSpend(db, { userId }),
  },
  {
    what: "LLM calls of an execution",
    index: /^idx_llm_calls_|llm_calls_/,
    run: (db) => listLlmCalls(db, { userId }, id("execution", 0), {}),
  },
  { what: "a session", index: /^sessions_/, run: (db) => findSession(db, Buffer.from("none")) },
  { what: "an API key", index: /^api_keys_token_hash_key$/, run: (db) => findApiKey(db, Buffer.from("none")) },
];

const usedIndexes = new Set<string>();

for (const { what, index, run } of cases) {
  test(`${what}: by index, without reading a whole table`, async () => {
    const statements = await recordStatements(run);
    assert.ok(statements.length > 0, "nothing was asked");
    for (const generic of [false, true]) {
      const plans = await Promise.all(statements.map((statement) => explain(statement, generic)));
      const nodes = plans.flat();
      // `installation` has one row by its definition.
      const whole = nodes
        .filter((node) => node["Node Type"] === "Seq Scan" && node["Relation Name"] !== "installation")
        .map((node) => node["Relation Name"]);
      assert.deepEqual(whole, [], `read as a whole (${generic ? "generic" : "custom"} plan)`);
      const used = nodes.flatMap((node) => node["Index Name"] ?? []);
      for (const one of used) usedIndexes.add(one);
      assert.ok(
        used.some((one) => index.test(one)),
        `${index} is not among ${used.join(", ")}`,
      );
    }
  });
}

test("the last page of messages costs what the first does", async () => {
  const executionId = id("execution", 0);
  const buffers = async (before: string): Promise<number> => {
    const { rows } = await database.db.pool.query(
      `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT id FROM agent_messages WHERE (task_execution_id, id) < ($1, $2) AND task_execution_id >= $1 ORDER BY task_execution_id DESC, id DESC LIMIT 100`,
      [executionId, before],
    );
    const plan = rows[0]["QUERY PLAN"][0].Plan;
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"];
  };
  const first = await buffers("ffffffff-ffff-ffff-ffff-ffffffffffff");
  const last = await buffers(id("message", 101));
  assert.ok(last <= first + 8, `${last} blocks on the last page, ${first} on the first`);
});

test("each index that the design asks for by name is used by one of these", () => {
  const named = [
    "idx_squads_user_id",
    "idx_tasks_squad_id",
    "idx_agent_messages_execution_id",
    "idx_tasks_project_status_priority",
    "idx_executions_squad_status_created",
    "idx_active_squads",
  ];
  assert.deepEqual(
    named.filter((one) => !usedIndexes.has(one)),
    [],
  );
});

test("what is explained here is what it is taken for", () => {
  assert.deepEqual([...names].sort(), plannedInHotQueries);
});
