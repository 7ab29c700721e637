import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { uuidv7 } from "#db";
import { readDashboard } from "#domain";
import type { AnyRoute } from "#http";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { createUser, type TestUser } from "../support/api-client.ts";
import { countStatements, type StatementCounter } from "../support/count-statements.ts";
import { fillUser, type OwnIds } from "../support/filled-user.ts";

// The number of statements of a read is the same for one row and for many: no N+1 anywhere.

let api: TestApi;
let few: TestUser;
let many: TestUser;
let counted: StatementCounter;

before(async () => {
  api = await startTestApi();
  few = await createUser(api.app, api.database.db);
  many = await createUser(api.app, api.database.db, { role: "owner" });
  ids.set(few.id, await fillUser(api, few, 1));
  ids.set(many.id, await fillUser(api, many, 25));
  counted = countStatements(api.database.db);
});
after(() => api.close());

const ids = new Map<string, OwnIds>();

async function statementsOf(user: TestUser, url: string): Promise<string[]> {
  const own = ids.get(user.id) as OwnIds;
  const path = url.replace(/\{(\w+)\}/g, (_, name: string) => own[name] ?? "");
  await user.call("GET", "/api/v1/auth/state");
  api.deps.cache.answers.clear();
  const { result: answer, statements } = await counted.during(() => user.call("GET", path));
  assert.equal(answer.status, 200, `${path} ${JSON.stringify(answer.body)}`);
  return statements.filter((name) => name !== "api_key_find").sort();
}

const reads = [
  ["/api/v1/me", 2],
  ["/api/v1/dashboard", 7],
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

test("the dashboard sends all its statements before it has the answer to any", async () => {
  const { db } = api.database;
  const order: string[] = [];
  const query: typeof db.query = async (name, text, values) => {
    order.push(`asked ${name}`);
    const answer = await db.query(name, text, values);
    order.push(`answered ${name}`);
    return answer as never;
  };
  assert.ok(await readDashboard({ query }, { userId: many.id }));
  assert.equal(
    order.findIndex((what) => what.startsWith("answered")),
    7,
    order.join("\n"),
  );
});

test("a cached read takes no statement, its sign-in included", async () => {
  await many.call("GET", "/api/v1/squads");
  const { statements } = await counted.during(() => many.call("GET", "/api/v1/squads"));
  assert.deepEqual(statements, []);
});
