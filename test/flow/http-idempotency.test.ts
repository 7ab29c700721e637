import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { call, createUser, signInCookie, type TestUser } from "../support/api-client.ts";

let api: TestApi;
let user: TestUser;
let taskUrl: string;

before(async () => {
  api = await startTestApi();
  user = await createUser(api.app, api.database.db);
  const { squad } = (await user.call("POST", "/api/v1/squads", { template: "pair" })).body;
  const { task } = (await user.call("POST", "/api/v1/tasks", { title: "T", squadId: squad.id })).body;
  taskUrl = `/api/v1/tasks/${task.id}/executions`;
});
after(() => api.close());

const count = async (table: string): Promise<number> =>
  (await api.database.db.pool.query(`SELECT count(*)::integer AS n FROM ${table}`)).rows[0].n;

test("the same key and body do the write once and give the same answer", async () => {
  const send = () => user.call("POST", taskUrl, { budgetUsd: 1 }, { "idempotency-key": "key-1" });
  const first = await send();
  const again = await send();
  assert.equal(first.status, 202);
  assert.deepEqual([again.status, again.body], [202, first.body]);
  assert.equal(again.headers["idempotency-replayed"], "true");
  assert.equal(await count("task_executions"), 1);
  assert.equal(await count("execution_events"), 1);
});

test("another body under the key is 422, another user's key is another key", async () => {
  const reused = await user.call("POST", taskUrl, { budgetUsd: 2 }, { "idempotency-key": "key-1" });
  assert.deepEqual([reused.status, reused.body.code], [422, "idempotency_key_reused"]);
  const stranger = await createUser(api.app, api.database.db);
  const theirs = await stranger.call("POST", taskUrl, { budgetUsd: 1 }, { "idempotency-key": "key-1" });
  assert.equal(theirs.status, 404);
  assert.equal(await count("task_executions"), 1);
});

test("of many at once with one key one does it and the others wait their turn", async () => {
  const before = await count("projects");
  const answers = await Promise.all(
    Array.from({ length: 8 }, () =>
      user.call("POST", "/api/v1/projects", { name: "Once" }, { "idempotency-key": "key-2" }),
    ),
  );
  const statuses = new Set(answers.map((answer) => answer.status));
  assert.ok(
    [...statuses].every((status) => status === 201 || status === 409),
    [...statuses].join(),
  );
  const inFlight = answers.find((answer) => answer.status === 409);
  if (inFlight) assert.equal(inFlight.body.code, "idempotency_in_flight");
  assert.equal((await count("projects")) - before, 1);
});

test("a refusal is kept like any answer, with nothing half-written", async () => {
  const slug = { template: "pair", slug: "taken" };
  await user.call("POST", "/api/v1/squads", slug);
  const squads = await count("squads");
  const send = () => user.call("POST", "/api/v1/squads", slug, { "idempotency-key": "key-3" });
  const first = await send();
  assert.deepEqual([first.status, first.body.code], [409, "already_exists"]);
  const again = await send();
  assert.deepEqual(again.body, first.body);
  assert.equal(await count("squads"), squads);
});

test("a stored answer with a secret is sealed in the database", async () => {
  const cookie = await signInCookie(api.app, user.email);
  const send = () =>
    call(api.app, "POST", "/api/v1/api-keys", {
      body: { name: "K" },
      headers: { cookie, "idempotency-key": "key-4" },
    });
  const first = await send();
  assert.equal(first.status, 201);
  assert.equal((await send()).body.token, first.body.token);
  const { rows } = await api.database.db.pool.query("SELECT body FROM idempotency_keys WHERE key = 'key-4'");
  assert.ok(!rows[0].body.includes("mst_"));
});

test("a key that is no key is refused", async () => {
  const answer = await user.call("POST", "/api/v1/projects", { name: "P" }, { "idempotency-key": "ü" });
  assert.equal(answer.body.code, "bad_request");
});
