import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { uuidv7 } from "#db";
import type { Database } from "#domain";
import type { AnyRoute } from "#http";
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
  many = await createUser(api.app, api.database.db, { role: "owner" });
  await fill(few, 1);
  await fill(many, 25);
  await fillDeep(few, 1);
  await fillDeep(many, 25);
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
    const [conversation, toolCall, deferredCall] = [uuidv7(), uuidv7(), uuidv7()];
    const at = { squad: squad.id, project: project.id, task: task.id, execution: execution.id };
    ids.set(user.id, { ...at, conversation, toolCall, deferredCall });
    await fillMore(user, { ...at, conversation, deferredCall, member: squad.members[0].id });
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

/** What has no route of its own to make it: conversations, bills, journal entries, accounts, invitations. */
async function fillMore(user: TestUser, own: Record<string, string>): Promise<void> {
  const { db } = api.database;
  const insert = (label: string, text: string, values: unknown[]) => db.query(`fill_${label}`, text, values);
  await insert("talk", "INSERT INTO conversations (id, user_id, title, model) VALUES ($1, $2, 'T', 'test/echo')", [
    own.conversation,
    user.id,
  ]);
  await insert(
    "bill",
    `INSERT INTO llm_usage (id, user_id, squad_id, member_id, provider, model, lane, outcome, cache_result, input_tokens, output_tokens)
     VALUES ($1, $2, $3, $4, 'openai', 'm', 'interactive', 'done', 'miss', 1, 1)`,
    [uuidv7(), user.id, own.squad, own.member],
  );
  await insert(
    "deferred",
    `INSERT INTO deferred_calls (id, user_id, model, cache, request, deadline_at) VALUES ($1, $2, 'm', 'off', '{}', now())`,
    [own.deferredCall, user.id],
  );
  await user.call("PUT", "/api/v1/budgets/instance", { limitNanoUsd: 1_000_000 });
  await user.call("PUT", `/api/v1/budgets/executions/${own.execution}`, { limitNanoUsd: 1_000_000 });
  await user.call("POST", "/api/v1/api-keys", { name: "another" });
  await user.call("POST", "/api/v1/provider-accounts", {
    kind: "openai",
    name: `A ${own.squad}`,
    apiKey: "sk-0123456789abcdef",
  });
}

/** Entries of one long execution and one long conversation. */
async function fillDeep(user: TestUser, size: number): Promise<void> {
  const { db } = api.database;
  const { execution = "", conversation = "", toolCall = "" } = ids.get(user.id) ?? {};
  for (let index = 0; index < size; index++) {
    await db.query(
      "fill_said",
      "INSERT INTO conversation_messages (id, conversation_id, role, content) VALUES ($1, $2, 'user', 'x')",
      [uuidv7(), conversation],
    );
    await db.query(
      "fill_tool",
      `INSERT INTO tool_calls (id, execution_id, step_id, key, epoch, member_id, tool, class, arguments, state, result, ended_at)
       VALUES ($1, $2, $3, $4, 1, $3, 'write_file', 'idempotent', '{"path":"a.md","content":"x"}', 'done', 'Wrote it.', now())`,
      [index === 0 ? toolCall : uuidv7(), execution, uuidv7(), `turn-${index}/tool-1`],
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

/** Queries without which a route refuses to answer. */
const neededQuery: Record<string, string> = { listFileVersions: "?path=a.md" };

/** What of the table is no read of rows: streams, files, pages of this server. */
const otherwise = (route: AnyRoute) =>
  route.stream !== undefined || route.policy === "public" || route.tag === "operations";

test("every GET of the route table takes as many statements for many rows as for one", async () => {
  const tried: string[] = [];
  for (const route of api.app.routeTable) {
    if (route.method !== "GET" || otherwise(route)) continue;
    const path = route.path.replace(/:(\w+)Id\b/g, "{$1}") + (neededQuery[route.operationId] ?? "");
    if (route.policy !== "user") {
      // Owners see what belongs to all: once before there are many, and once after.
      const before = await statementsOf(many, path);
      await addPeople(20);
      assert.deepEqual(await statementsOf(many, path), before, path);
    } else assert.deepEqual(await statementsOf(many, path), await statementsOf(few, path), path);
    tried.push(path);
  }
  assert.ok(tried.length >= 30, tried.join("\n"));
});

async function addPeople(count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    const id = uuidv7();
    await api.database.db.query(
      "fill_person",
      "INSERT INTO users (id, email, name, password_hash, role) VALUES ($1, $2, 'P', 'x', 'member')",
      [id, `${id}@example.org`],
    );
    await api.database.db.query(
      "fill_invitation",
      "INSERT INTO invitations (id, invited_by, email, token_hash, expires_at) VALUES ($1, $2, $3, $4, now() + interval '1 day')",
      [id, many.id, `guest-${id}@example.org`, Buffer.from(id)],
    );
  }
}

test("a cached read takes no statement, its sign-in included", async () => {
  await many.call("GET", "/api/v1/squads");
  statements.length = 0;
  await many.call("GET", "/api/v1/squads");
  assert.deepEqual(statements, []);
});
