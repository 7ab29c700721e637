import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { Ajv } from "ajv";
import type { TSchema } from "typebox";
import type { AnyRoute } from "#http";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { type Answer, call, createUser, signInCookie } from "../support/api-client.ts";
import { idFields, type Known, sample } from "./sample-values.ts";
import { createWorld, knownValues, type World } from "./world.ts";

// Every route of the table × owner, other user, anonymous, revoked key × every id in path, query and body.

const ajv = new Ajv({ strict: false });
let api: TestApi;
let victim: World;
let other: World;
let routes: readonly AnyRoute[];

before(async () => {
  api = await startTestApi({ deps: { limits: { signIn: { perSecond: 1_000, burst: 1_000 } } } });
  victim = await createWorld(api, "victim", "member");
  other = await createWorld(api, "other", "member");
  routes = api.app.routeTable;
});
after(() => api.close());

interface Built {
  method: string;
  url: string;
  body: unknown;
}

/** Optional fields without which a request makes no sense. */
const needed: Record<string, Record<string, unknown>> = {
  createSquad: { template: "pair" },
  streamChat: { model: "test/echo" },
};

/** A valid request for a route with the given ids; `inQuery` and `inBody` are ids put into optional fields. */
function build(route: AnyRoute, ids: Record<string, string>, extra: Record<string, string> = {}): Built {
  const known: Known = { ...knownValues(), ...ids };
  const path = route.path.replace(/:(\w+)|\*$/g, (_, name: string | undefined) => String(known[name ?? "*"]));
  const search = new URLSearchParams();
  const required = route.query ? (sample(route.query as TSchema, known) as Record<string, unknown>) : {};
  for (const [name, value] of Object.entries(required)) search.set(name, String(value));
  for (const name of idFields(route.query)) if (extra[name] !== undefined) search.set(name, extra[name]);
  const body =
    route.body === undefined
      ? undefined
      : { ...(sample(route.body as TSchema, known) as Record<string, unknown>), ...needed[route.operationId] };
  for (const name of idFields(route.body)) {
    if (extra[name] === undefined || !body) continue;
    body[name] = name === "ids" ? [extra[name]] : extra[name];
    if (name === "squadMemberId") delete body.model;
  }
  const query = search.size > 0 ? `?${search}` : "";
  return { method: route.method, url: path + query, body };
}

/** What an answer says, without what differs by chance: ids and times. */
function essence(answer: Answer): string {
  return `${answer.status} ${JSON.stringify(answer.body)}`
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "ID")
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
    .replace(/chatcmpl-\w+/g, "CHAT")
    .replace(/"(created|position|uptimeSeconds|latencyMs)":[\d.]+/g, '"$1":0')
    .replace(/mst_[\w-]+|"(prefix|token)":"[^"]*"/g, "TOKEN")
    .replace(/someone-ID|file-ID/g, "NAME")
    .replace(/"slug":"[^"]*"/g, '"slug":""');
}

/** Everything a user has, for telling whether anything was changed. */
async function holdings(userId: string): Promise<string> {
  const tables = [
    "squads",
    "projects",
    "tasks",
    "task_executions",
    "provider_accounts",
    "notifications",
    "conversations",
    "budgets",
    "api_keys",
  ];
  const parts = await Promise.all(
    tables.map(async (table) => {
      const { rows } = await api.database.db.pool.query(
        `SELECT md5(string_agg(to_jsonb(t)::text, '' ORDER BY t.id)) AS sum FROM (SELECT * FROM ${table} WHERE user_id = $1) t`,
        [userId],
      );
      return `${table} ${rows[0].sum}`;
    }),
  );
  const { rows } = await api.database.db.pool.query(
    "SELECT md5(string_agg(to_jsonb(m)::text, '' ORDER BY m.id)) AS sum FROM squad_members m JOIN squads s ON s.id = m.squad_id WHERE s.user_id = $1",
    [userId],
  );
  return [...parts, rows[0].sum].join("\n").replace(/last_used_at/g, "");
}

test("every route is in the table with a policy, and the table has them all", () => {
  assert.ok(routes.length > 70, `${routes.length} routes`);
  for (const route of routes) assert.ok(["public", "user", "session", "owner"].includes(route.policy), route.path);
  const ids = routes.map((route) => route.operationId);
  assert.equal(new Set(ids).size, ids.length, "operation ids are unique");
  const open = routes.filter((route) => route.policy === "public").map((route) => route.operationId);
  assert.deepEqual(open.sort(), [
    "acceptInvitation",
    "claimInstallation",
    "readAuthState",
    "readDocs",
    "readDocsAsset",
    "readErrorDocs",
    "readLiveness",
    "readMetrics",
    "readOpenApi",
    "readReadiness",
    "recordWebVitals",
    "signIn",
    "signOut",
  ]);
});

test("without a credential, and with a revoked one, nothing but the public routes answers", async () => {
  const revoked = await createUser(api.app, api.database.db, { name: "Revoked" });
  assert.equal((await revoked.call("GET", "/api/v1/me")).status, 200);
  assert.equal((await revoked.call("DELETE", `/api/v1/api-keys/${revoked.apiKeyId}`)).status, 204);
  for (const route of routes) {
    if (route.policy === "public") continue;
    const { method, url, body } = build(route, victim.ids);
    const credentials: Record<string, Record<string, string>> = {
      anonymous: {},
      revoked: { authorization: `Bearer ${revoked.token}` },
      forged: { authorization: `Bearer mst_${"x".repeat(43)}` },
      scheme: { authorization: "Basic dXNlcjpwYXNz" },
      cookie: { cookie: "__Host-muster_session=forged" },
    };
    for (const [name, headers] of Object.entries(credentials)) {
      const answer = await call(api.app, method, url, { body, headers });
      assert.equal(answer.status, 401, `${name}: ${method} ${url} ${JSON.stringify(answer.body)}`);
    }
  }
});

test("ids of another user are answered exactly like ids that do not exist, and nothing of theirs changes", async () => {
  const before = await holdings(victim.user.id);
  for (const route of routes) {
    if (route.policy !== "user") continue;
    const places = [
      ...idFields(route.params).map((name) => ({ name, place: "path" })),
      ...idFields(route.query).map((name) => ({ name, place: "query" })),
      ...idFields(route.body).map((name) => ({ name, place: "body" })),
    ];
    for (const { name, place } of places) {
      const foreignId = name === "ids" ? victim.ids.notificationId : victim.ids[name];
      assert.ok(foreignId, `a thing for ${name} in ${route.path}`);
      const send = (id: string) => {
        const built =
          place === "path" ? build(route, { ...other.ids, [name]: id }) : build(route, other.ids, { [name]: id });
        return other.user.call(built.method, built.url, built.body);
      };
      const foreign = await send(foreignId);
      const missing = await send(randomUUID());
      const what = `${route.method} ${route.path} with another user's ${name} in the ${place}`;
      assert.equal(essence(foreign), essence(missing), what);
      if (place === "path") assert.equal(foreign.status, 404, `${what}: ${JSON.stringify(foreign.body)}`);
      assert.notEqual(foreign.status, 400, `${what}: ${JSON.stringify(foreign.body)}`);
      assert.ok(!JSON.stringify(foreign.body).includes("victim"), what);
    }
  }
  assert.equal(await holdings(victim.user.id), before);
});

test("what manages credentials or people is closed to API keys and to members", async () => {
  const cookie = await signInCookie(api.app, other.user.email);
  for (const route of routes) {
    const { method, url, body } = build(route, victim.ids);
    if (route.policy === "session") assert.equal((await other.user.call(method, url, body)).status, 403, url);
    if (route.policy === "owner") {
      assert.equal((await other.user.call(method, url, body)).status, 403, url);
      assert.equal((await call(api.app, method, url, { body, headers: { cookie } })).status, 403, url);
    }
  }
});

test("the owner of things gets through on every route, and answers say no more than their schema", async () => {
  // Reads first: an event stream ends only while its execution is over, and a retry starts it again.
  const order = (route: AnyRoute): number =>
    route.method === "GET" ? 0 : route.method === "DELETE" ? 2 : /sign-out/.test(route.path) ? 3 : 1;
  const cookie = await signInCookie(api.app, victim.user.email);
  await victim.user.call("POST", `/api/v1/executions/${victim.ids.executionId}/cancel`);
  const sorted = routes
    // The stream of changes has no end; test/flow/changes.test.ts reads it.
    .filter(({ policy, operationId }) => (policy === "user" || policy === "session") && operationId !== "streamChanges")
    .toSorted((a, b) => order(a) - order(b));
  for (const route of sorted) {
    const { method, url, body } = build(route, victim.ids, victim.ids);
    // One of the deletions takes the key itself.
    const headers =
      route.policy === "session" || method === "DELETE" ? { cookie } : { authorization: `Bearer ${victim.user.token}` };
    const answer = await call(api.app, method, url, { body, headers });
    const what = `${method} ${url} → ${answer.status} ${JSON.stringify(answer.body).slice(0, 300)}`;
    // Missing by right: a file that was not made, and what an earlier deletion of this walk took along.
    const maybeMissing = method === "DELETE" || /\/files\/|attachments\//.test(url);
    const allowed = [409, 422, ...(maybeMissing ? [404] : [])];
    assert.ok(answer.status < 400 || allowed.includes(answer.status), what);
    if (answer.status >= 300 || !route.answer) continue;
    // The schema is the whitelist: an answer with a field it does not name would show something it should not.
    const validate = ajv.compile(route.answer);
    assert.ok(validate(answer.body), `${what}: ${ajv.errorsText(validate.errors)}`);
  }
});

test("no fault was logged on the way", () => {
  const faults = api.logged.filter((line) => line.includes('"level":"error"'));
  assert.deepEqual(faults, []);
});
