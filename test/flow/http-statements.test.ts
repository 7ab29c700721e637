import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { uuidv7 } from "#db";
import type { Database } from "#domain";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { createUser, type TestUser } from "../support/api-client.ts";

// The number of statements of a read is the same for one row and for many: no N+1 anywhere.

let api: TestApi;
let few: TestUser;
let many: TestUser;
const statements: string[] = [];

before(async () => {
  api = await startTestApi();
  few = await createUser(api.app, api.database.db);
  many = await createUser(api.app, api.database.db);
  await fill(few, 1);
  await fill(many, 25);
  countStatements(api.database.db);
});
after(() => api.close());

const ids = new Map<string, Record<string, string>>();

async function fill(user: TestUser, size: number): Promise<void> {
  const { db } = api.database;
  for (let index = 0; index < size; index++) {
    const { squad } = (await user.call("POST", "/api/v1/squads", { template: "pair" })).body;
    const { project } = (await user.call("POST", "/api/v1/projects", { name: "P" })).body;
    const { task } = (
      await user.call("POST", "/api/v1/tasks", { title: "T", squadId: squad.id, projectId: project.id })
    ).body;
    const { execution } = (await user.call("POST", `/api/v1/tasks/${task.id}/executions`)).body;
    await user.call("PUT", `/api/v1/budgets/squads/${squad.id}`, { limitNanoUsd: 1 });
    await db.query(
      "fill_notification",
      "INSERT INTO notifications (id, user_id, kind, title) VALUES ($1, $2, 'system', 'T')",
      [uuidv7(), user.id],
    );
    ids.set(user.id, { squad: squad.id, project: project.id, task: task.id, execution: execution.id });
  }
  const { execution } = ids.get(user.id) as Record<string, string>;
  for (let index = 0; index < size; index++) {
    await db.query(
      "fill_message",
      "INSERT INTO agent_messages (id, task_execution_id, role, status, content) VALUES ($1, $2, 'assistant', 'completed', 'x')",
      [uuidv7(), execution],
    );
  }
}

/** Notes the name of every statement that goes through the database from here on. */
function countStatements(db: Database): void {
  const original = db.pool.query.bind(db.pool);
  (db.pool as { query: unknown }).query = (statement: string | { name?: string }, ...rest: unknown[]) => {
    statements.push(typeof statement === "string" ? statement : (statement.name ?? "unnamed"));
    return (original as (...all: unknown[]) => unknown)(statement, ...rest);
  };
}

async function statementsOf(user: TestUser, url: string): Promise<string[]> {
  const own = ids.get(user.id) as Record<string, string>;
  const path = url.replace(/\{(\w+)\}/g, (_, name: string) => own[name] ?? "");
  await user.call("GET", "/api/v1/auth/state");
  api.deps.cache.answers.clear();
  statements.length = 0;
  const answer = await user.call("GET", path);
  assert.equal(answer.status, 200, `${path} ${JSON.stringify(answer.body)}`);
  return statements.filter((name) => name !== "api_key_find").sort();
}

const reads = [
  ["/api/v1/me", 2],
  ["/api/v1/dashboard", 11],
  ["/api/v1/squads?pageSize=100", 1],
  ["/api/v1/squads/{squad}", 1],
  ["/api/v1/projects?pageSize=100", 1],
  ["/api/v1/projects/{project}", 1],
  ["/api/v1/tasks?pageSize=100", 1],
  ["/api/v1/tasks/{task}", 1],
  ["/api/v1/executions?limit=100", 1],
  ["/api/v1/executions/{execution}", 1],
  ["/api/v1/executions/{execution}/messages?limit=100", 1],
  ["/api/v1/notifications?limit=100", 1],
  ["/api/v1/budgets?pageSize=100", 1],
  ["/api/v1/usage", 1],
  ["/api/v1/usage/summary?groupBy=squad", 2],
  ["/api/v1/provider-accounts", 1],
  ["/api/v1/api-keys", 1],
  ["/v1/models", 1],
] as const;

for (const [url, expected] of reads) {
  test(`GET ${url} takes ${expected} statement(s), whatever the number of rows`, async () => {
    const forFew = await statementsOf(few, url);
    const forMany = await statementsOf(many, url);
    assert.deepEqual(forMany, forFew);
    assert.equal(forMany.length, expected, forMany.join());
  });
}

test("a cached read takes no statement, its sign-in included", async () => {
  await many.call("GET", "/api/v1/squads");
  statements.length = 0;
  await many.call("GET", "/api/v1/squads");
  assert.deepEqual(statements, []);
});
