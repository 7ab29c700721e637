import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import pg from "pg";
import { type Database, seed, seedId } from "#db";
import {
  countUnread,
  listExecutions,
  listMessages,
  listNotifications,
  listProjects,
  listSquads,
  listTasks,
  listUsage,
  readDashboard,
  readExecution,
  readSquad,
  readTask,
} from "#domain";
import { readEvents } from "#events";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

// Every hot query of the product is run on a database with 5,000 squads and 100,000 messages. Each statement that it
// sent is then explained, with its values and as the generic plan that a prepared statement may end up with.

let database: TestDatabase;
let name: string;
let userId: string;

before(async () => {
  database = await createTestDatabase({ poolMax: 4 });
  const owner = { email: "hot@example.org", name: "Hot", passwordHash: "!" };
  ({ name, userId } = await seed(database.db, { owner, messages: 100_000 }));
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

async function recordStatements(work: (db: Database) => Promise<unknown>): Promise<Statement[]> {
  const statements: Statement[] = [];
  await work({
    ...database.db,
    query: (statement, text, values = []) => {
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
  { what: "projects", index: /^idx_projects_user_id$/, run: (db) => listProjects(db, { userId }, {}) },
  {
    what: "tasks of a project by status and priority",
    index: /^idx_tasks_project_status_priority$/,
    run: (db) => listTasks(db, { userId }, { projectId: id("project", 2), status: "pending", priority: "high" }),
  },
  {
    what: "pending tasks of a squad",
    index: /^idx_(pending_tasks|tasks_squad_id)$/,
    run: (db) => listTasks(db, { userId }, { squadId: id("squad", 2), status: "pending" }),
  },
  { what: "one task", index: /^(idx_tasks_user_id|tasks_pkey)$/, run: (db) => readTask(db, { userId }, id("task", 3)) },
  { what: "executions", index: /^idx_executions_user_id$/, run: (db) => listExecutions(db, { userId }, {}) },
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
    what: "events after a number",
    index: /^execution_event_batches_pkey$/,
    run: (db) => readEvents(db, id("execution", 0), 5, 100),
  },
  { what: "the dashboard", index: /^idx_executions_user_status$/, run: (db) => readDashboard(db, { userId }) },
  { what: "notifications", index: /^idx_notifications_user_id$/, run: (db) => listNotifications(db, { userId }, {}) },
  { what: "unread notifications", index: /^idx_notifications_unread$/, run: (db) => countUnread(db, { userId }) },
  { what: "usage", index: /^idx_llm_usage_user/, run: (db) => listUsage(db, { userId }, {}) },
];

for (const { what, index, run } of cases) {
  test(`${what}: by index, without reading a whole table`, async () => {
    const statements = await recordStatements(run);
    assert.ok(statements.length > 0, "nothing was asked");
    for (const generic of [false, true]) {
      const plans = await Promise.all(statements.map((statement) => explain(statement, generic)));
      const nodes = plans.flat();
      const whole = nodes.filter((node) => node["Node Type"] === "Seq Scan").map((node) => node["Relation Name"]);
      assert.deepEqual(whole, [], `read as a whole (${generic ? "generic" : "custom"} plan)`);
      const used = nodes.flatMap((node) => node["Index Name"] ?? []);
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
      `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT id FROM agent_messages WHERE task_execution_id = $1 AND id < $2 ORDER BY id DESC LIMIT 100`,
      [executionId, before],
    );
    const plan = rows[0]["QUERY PLAN"][0].Plan;
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"];
  };
  const first = await buffers("ffffffff-ffff-ffff-ffff-ffffffffffff");
  const last = await buffers(id("message", 101));
  assert.ok(last <= first + 8, `${last} blocks on the last page, ${first} on the first`);
});
