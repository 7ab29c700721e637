import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { issueClaimCode } from "#domain";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { call, createUser, signInCookie, type TestUser } from "../support/api-client.ts";

let api: TestApi;
let user: TestUser;
before(async () => {
  api = await startTestApi();
});
after(() => api.close());

test("the claim code makes the owner once; the cookie then signs requests", async () => {
  const code = await issueClaimCode(api.database.db);
  const claim = (claimCode: string) =>
    call(api.app, "POST", "/api/v1/auth/claim", {
      body: { claimCode, email: "owner@example.org", name: "Owner", password: "0123456789" },
    });
  assert.equal((await claim("wrong")).body.code, "claim_closed");
  const claimed = await claim(String(code));
  assert.equal(claimed.status, 201, JSON.stringify(claimed.body));
  assert.equal(claimed.body.user.role, "owner");
  const cookie = String([claimed.headers["set-cookie"]].flat()[0]);
  assert.match(cookie, /^muster_session=|^__Host-muster_session=/);
  assert.match(cookie, /HttpOnly; SameSite=Lax/);
  const me = await call(api.app, "GET", "/api/v1/me", { headers: { cookie: cookie.split(";")[0] } });
  assert.equal(me.body.user.email, "owner@example.org");
  assert.equal((await claim(String(code))).body.code, "claim_closed");
  assert.equal(await issueClaimCode(api.database.db), null);
  user = await createUser(api.app, api.database.db);
});

test("a squad from a template, changed, listed, deleted", async () => {
  const created = await user.call("POST", "/api/v1/squads", { template: "pair" });
  assert.equal(created.status, 201, JSON.stringify(created.body));
  const { squad } = created.body;
  assert.equal(squad.slug, "a-pair");
  assert.equal(squad.members[0].instructions, "You are a tech-lead.");
  assert.deepEqual(
    squad.members.map((member: { isLead: boolean }) => member.isLead),
    [true, false],
  );
  const second = await user.call("POST", "/api/v1/squads", { template: "pair" });
  assert.equal(second.body.squad.slug, "a-pair-2");
  const list = await user.call("GET", "/api/v1/squads?pageSize=1");
  assert.deepEqual([list.body.total, list.body.pages, list.body.data.length], [2, 2, 1]);
  assert.equal((await user.call("GET", "/api/v1/squads?page=9")).body.total, 2);
  assert.equal((await user.call("GET", "/api/v1/squads?page=9&status=active&search=PAIR")).body.total, 2);
  const lead = await user.call("PATCH", `/api/v1/squads/${squad.id}/members/${squad.members[1].id}`, { isLead: true });
  assert.deepEqual(
    lead.body.squad.members.map((member: { isLead: boolean }) => member.isLead),
    [false, true],
  );
  const added = await user.call("POST", `/api/v1/squads/${squad.id}/members`, { name: "Cy", role: "writer" });
  assert.equal(added.body.squad.members.length, 3);
  const kept = added.body.squad.members[2];
  const replaced = await user.call("PATCH", `/api/v1/squads/${squad.id}`, {
    name: "Renamed",
    members: [
      { id: kept.id, name: "Cy", role: "writer" },
      { name: "Di", role: "tech-lead", isLead: true },
    ],
  });
  assert.equal(replaced.status, 200, JSON.stringify(replaced.body));
  assert.deepEqual(
    replaced.body.squad.members.map((member: { id: string; isLead: boolean }) => [
      member.id === kept.id,
      member.isLead,
    ]),
    [
      [true, false],
      [false, true],
    ],
  );
  const taken = await user.call("PATCH", `/api/v1/squads/${squad.id}`, { slug: "a-pair-2" });
  assert.equal(taken.body.code, "already_exists");
  const { name, updatedAt } = replaced.body.squad;
  const late = { name: "Late", ifUpdatedAt: added.body.squad.updatedAt };
  const refused = await user.call("PATCH", `/api/v1/squads/${squad.id}`, late);
  assert.deepEqual([refused.status, refused.body.code], [409, "conflict"], "another change came between");
  assert.equal((await user.call("GET", `/api/v1/squads/${squad.id}`)).body.squad.name, name);
  const inTime = await user.call("PATCH", `/api/v1/squads/${squad.id}`, { ...late, ifUpdatedAt: updatedAt });
  assert.equal(inTime.body.squad.name, "Late");
  const deleted = await user.call("DELETE", `/api/v1/squads/${squad.id}`);
  assert.equal(deleted.status, 204);
  assert.equal((await user.call("GET", `/api/v1/squads/${squad.id}`)).status, 404);
});

test("a task with an attachment, an execution, its events and its end", async () => {
  const squad = (await user.call("POST", "/api/v1/squads", { template: "pair" })).body.squad;
  const created = await user.call("POST", "/api/v1/tasks", {
    title: "Read it",
    squadId: squad.id,
    attachments: [{ name: "a.md", contentBase64: Buffer.from("# Hello").toString("base64") }],
  });
  assert.equal(created.status, 201, JSON.stringify(created.body));
  const { task } = created.body;
  assert.deepEqual([task.attachments[0].mediaType, task.attachments[0].bytes], ["text/markdown", 7]);
  const download = await user.call("GET", `/api/v1/tasks/${task.id}/attachments/${task.attachments[0].id}`);
  assert.equal(download.body, "# Hello");
  assert.match(String(download.headers["content-disposition"]), /^attachment; filename="a.md"/);
  const accepted = await user.call("POST", `/api/v1/tasks/${task.id}/executions`, { budgetUsd: 0.5 });
  assert.equal(accepted.status, 202, JSON.stringify(accepted.body));
  const { id } = accepted.body.execution;
  assert.ok(api.hints.includes("queued"));
  const detail = await user.call("GET", `/api/v1/executions/${id}`);
  assert.deepEqual([detail.body.execution.status, detail.body.execution.budget.limitNanoUsd], ["queued", 500_000_000]);
  const list = await user.call("GET", "/api/v1/executions?limit=1");
  assert.equal(list.body.data[0].id, id);
  const dashboard = await user.call("GET", "/api/v1/dashboard");
  assert.equal(dashboard.status, 200, JSON.stringify(dashboard.body));
  assert.equal(dashboard.body.liveExecutions[0].id, id);
  const statuses = ["queued", "queued", "queued", "paused", "awaiting_approval", ...Array(20).fill("running")];
  await api.database.db.pool.query(
    `INSERT INTO task_executions SELECT (jsonb_populate_record(t, jsonb_build_object('id', gen_random_uuid(), 'status', one))).*
     FROM task_executions t, unnest($2::text[]) one WHERE t.id = $1`,
    [id, statuses],
  );
  api.deps.cache.answers.clear();
  const { liveCounts, liveExecutions } = (await user.call("GET", "/api/v1/dashboard")).body;
  assert.deepEqual(liveCounts, { running: 20, queued: 4, paused: 1, awaitingApproval: 1 });
  assert.equal(liveExecutions.length, 10, "the list is cut, the counts are not");
  await api.database.db.pool.query("DELETE FROM task_executions WHERE user_id = $1 AND id <> $2", [user.id, id]);
  const cancelled = await user.call("POST", `/api/v1/executions/${id}/cancel`);
  assert.equal(cancelled.body.execution.status, "cancelled", JSON.stringify(cancelled.body));
  assert.equal((await user.call("GET", `/api/v1/executions/${id}`)).body.execution.status, "cancelled");
  const events = await user.call("GET", `/api/v1/executions/${id}/events`);
  assert.equal(events.headers["content-type"], "text/event-stream; charset=utf-8");
  const ids = String(events.body)
    .split("\n")
    .filter((line) => line.startsWith("id: "));
  assert.deepEqual(ids, ["id: 1", "id: 2"]);
  const resumed = await user.call("GET", `/api/v1/executions/${id}/events`, undefined, { "last-event-id": "1" });
  assert.deepEqual(String(resumed.body).match(/^id: \d+/gm), ["id: 2"]);
});

test("budgets, notifications, usage, provider accounts answer", async () => {
  const budget = await user.call("PUT", "/api/v1/budgets/instance", { limitNanoUsd: 5_000_000_000 });
  assert.equal(budget.status, 200, JSON.stringify(budget.body));
  assert.equal(budget.body.budget.limitNanoUsd, 5_000_000_000);
  assert.equal((await user.call("GET", "/api/v1/budgets")).body.total, 1);
  for (const url of [
    "/api/v1/notifications",
    "/api/v1/usage",
    "/api/v1/usage/summary?groupBy=squad",
    "/api/v1/usage/summary?groupBy=model",
    "/api/v1/usage/summary?groupBy=member",
    "/api/v1/usage/summary",
    "/api/v1/usage/export",
    "/api/v1/models",
    "/api/v1/performance",
    "/api/v1/conversations",
    "/v1/models",
  ]) {
    const answer = await user.call("GET", url);
    assert.equal(answer.status, 200, `${url} ${JSON.stringify(answer.body)}`);
  }
  const account = await user.call("POST", "/api/v1/provider-accounts", {
    kind: "openai",
    name: "Mine",
    apiKey: "sk-0123456789abcdef",
  });
  assert.equal(account.status, 201, JSON.stringify(account.body));
  assert.deepEqual([account.body.providerAccount.hasKey, account.body.providerAccount.keyHint], [true, "cdef"]);
  assert.ok(!JSON.stringify(account.body).includes("sk-0123"));
  const { id } = account.body.providerAccount;
  const moved = await user.call("PATCH", `/api/v1/provider-accounts/${id}`, { baseUrl: "https://evil.example/v1" });
  assert.equal(moved.body.code, "validation_failed");
  assert.equal((await user.call("POST", `/api/v1/provider-accounts/${id}/test`)).body.ok, true);
  assert.equal((await user.call("PATCH", `/api/v1/provider-accounts/${id}`, { enabled: false })).status, 200);
  assert.equal((await user.call("DELETE", `/api/v1/provider-accounts/${id}`)).status, 204);
});

test("chat and the OpenAI-compatible routes stream and answer", async () => {
  const chat = await user.call("POST", "/api/v1/agent/chat/stream", { model: "test/echo", message: "hello there" });
  const frames = String(chat.body)
    .split("\n\n")
    .filter((line) => line.startsWith("data: "))
    .map((line) => JSON.parse(line.slice(6)));
  assert.equal(
    frames
      .filter((one) => "chunk" in one)
      .map((one) => one.chunk)
      .join(""),
    "You said: hello there",
  );
  const done = frames.at(-1);
  assert.deepEqual([done.done, done.usage.outputTokens, done.costNanoUsd], [true, 5, 1_234]);
  const messages = await user.call("GET", `/api/v1/conversations/${done.conversationId}/messages`);
  assert.deepEqual(
    messages.body.data.map((one: { role: string }) => one.role),
    ["assistant", "user"],
  );
  const { done: _done, conversationId: _conversation, messageId: _message, ...bill } = done;
  assert.deepEqual(
    messages.body.data.map((one: { bill: unknown }) => one.bill),
    [bill, null],
    "the answer keeps its bill",
  );
  const { body } = await user.call("GET", `/api/v1/conversations/${done.conversationId}`);
  assert.deepEqual([body.conversation.title, body.conversation.model], ["hello there", "test/echo"]);
  assert.equal((await user.call("GET", `/api/v1/conversations/${done.messageId}`)).status, 404);
  const completion = await user.call("POST", "/v1/chat/completions", {
    model: "test/echo",
    messages: [{ role: "user", content: [{ type: "text", text: "hi" }] }],
  });
  assert.equal(completion.body.choices[0].message.content, "You said: hi");
  assert.equal(completion.headers["x-muster-cost-nano-usd"], "1234");
  const streamed = await user.call("POST", "/v1/chat/completions", {
    model: "test/echo",
    stream: true,
    stream_options: { include_usage: true },
    messages: [{ role: "user", content: "hi" }],
  });
  assert.ok(String(streamed.body).endsWith("data: [DONE]\n\n"));
  assert.match(String(streamed.body), /"prompt_tokens":7/);
  const refused = await user.call("POST", "/v1/chat/completions", { model: "x", messages: [], logit_bias: {} });
  assert.equal(refused.body.error.type, "invalid_request_error");
  const embedded = await user.call("POST", "/v1/embeddings", {
    model: "e",
    input: ["a", "bb"],
    encoding_format: "base64",
  });
  assert.equal(Buffer.from(embedded.body.data[1].embedding, "base64").readFloatLE(0), 2);
});

test("health, metrics, description and docs are public", async () => {
  for (const [url, type] of [
    ["/health/live", "json"],
    ["/health/ready", "json"],
    ["/metrics", "text/plain"],
    ["/openapi.json", "json"],
    ["/docs", "html"],
    ["/docs/errors", "html"],
    ["/docs/swagger-ui.css", "css"],
    ["/docs/start.js", "javascript"],
  ] as const) {
    const answer = await call(api.app, "GET", url);
    assert.equal(answer.status, 200, url);
    assert.match(String(answer.headers["content-type"]), new RegExp(type), url);
  }
  const document = (await call(api.app, "GET", "/openapi.json")).body;
  assert.equal(document.openapi, "3.1.0");
  assert.ok(document.paths["/api/v1/squads/{squadId}"].patch);
});

test("a value of another form is refused in words, not with a regular expression", async () => {
  const detailOf = async (method: string, url: string, body?: unknown) =>
    (await user.call(method, url, body)).body.detail;
  assert.equal(
    await detailOf("GET", "/api/v1/squads/mine"),
    "params.squadId: is not of this form: UUID. See /docs for the schema.",
  );
  assert.equal(
    await detailOf("GET", "/api/v1/usage/summary?from=yesterday"),
    "query.from: is not of this form: A date (YYYY-MM-DD, UTC) or an ISO 8601 time. See /docs for the schema.",
  );
  assert.match(await detailOf("POST", "/api/v1/projects", { name: "  " }), /^body\.name: .*Text that is not blank/);
  const patterns: string[] = [];
  JSON.stringify((await call(api.app, "GET", "/openapi.json")).body, (key, value) => {
    if (typeof value?.pattern === "string" && !value.description) patterns.push(value.pattern);
    return key === "responses" ? undefined : value;
  });
  // An opaque key and a route's pattern, which only the UI sends, and names of tools as OpenAI has them.
  assert.deepEqual([...new Set(patterns)].sort(), ["^/[a-z0-9/[\\]-]*$", "^[A-Za-z0-9_-]+$", "^[A-Za-z0-9_-]{22}$"]);
});

test("lists that come whole have a bound, and whoever reaches it is told", async () => {
  const many = await createUser(api.app, api.database.db);
  const cookie = await signInCookie(api.app, many.email);
  const post = (url: string, body: object) => call(api.app, "POST", url, { body, headers: { cookie } });
  await api.database.db.pool.query(
    `INSERT INTO api_keys (id, user_id, name, prefix, token_hash)
     SELECT gen_random_uuid(), $1::uuid, 'k', 'mst_', decode(md5($1::uuid::text || n), 'hex') FROM generate_series(3, 200) n`,
    [many.id],
  );
  await api.database.db.pool.query(
    "INSERT INTO provider_accounts (id, user_id, kind, name) SELECT gen_random_uuid(), $1, 'offline', 'a' || n FROM generate_series(2, 200) n",
    [many.id],
  );
  const account = { kind: "ollama", name: "One more" };
  for (const [url, body, refusal] of [
    ["/api/v1/api-keys", { name: "one more" }, "You have 200 API keys: revoke one first."],
    ["/api/v1/provider-accounts", account, "You have 200 provider accounts: delete one first."],
  ] as const) {
    assert.equal((await post(url, body)).status, 201, url);
    const refused = await post(url, { ...body, name: "And another" });
    assert.deepEqual([refused.status, refused.body.code, refused.body.detail], [409, "conflict", refusal]);
    const listed = await call(api.app, "GET", url, { headers: { cookie } });
    assert.equal(listed.body.data.length, 200);
  }
  // One that was revoked makes room.
  assert.equal((await many.call("DELETE", `/api/v1/api-keys/${many.apiKeyId}`)).status, 204);
  assert.equal((await post("/api/v1/api-keys", { name: "in its place" })).status, 201);
});

test("nothing was logged as a fault", () => assert.deepEqual(api.logged, []));

test("the client's address comes from X-Forwarded-For only where a trusted proxy says so", async () => {
  const limits = { perAddress: { perSecond: 0.001, burst: 2 } };
  const statusesOf = async (trustedProxies: string[] | undefined) => {
    const behind = await startTestApi({ beside: api, deps: { limits, trustedProxies } });
    try {
      const from = (address: string) =>
        call(behind.app, "GET", "/api/v1/me", { headers: { "x-forwarded-for": address } }).then(({ status }) => status);
      return [await from("192.0.2.1"), await from("192.0.2.1"), await from("192.0.2.1"), await from("192.0.2.2")];
    } finally {
      await behind.close();
    }
  };
  assert.deepEqual(await statusesOf(["127.0.0.1", "10.0.0.0/8"]), [401, 401, 429, 401]);
  assert.deepEqual(await statusesOf(["10.0.0.0/8"]), [401, 401, 429, 429]);
  assert.deepEqual(await statusesOf(undefined), [401, 401, 429, 429]);
});
