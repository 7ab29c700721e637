import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { call, createUser, signInCookie, type TestUser } from "../support/api-client.ts";

let api: TestApi;
let user: TestUser;

before(async () => {
  api = await startTestApi();
  user = await createUser(api.app, api.database.db);
  await api.app.listen({ port: 0, host: "127.0.0.1" });
});
after(() => api.close());

/** Sends a raw body; JSON.stringify would never write these. */
async function sendRaw(url: string, payload: string | Buffer, contentType = "application/json") {
  const response = await api.app.inject({
    method: "POST",
    url,
    headers: { authorization: `Bearer ${user.token}`, "content-type": contentType },
    payload,
  });
  return { status: response.statusCode, headers: response.headers, body: JSON.parse(response.body) };
}

function assertProblem(answer: { status: number; body: Record<string, unknown> }, status: number, code: string): void {
  assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(answer.body));
  assert.match(String(answer.body.instance), /^urn:uuid:[0-9a-f-]{36}$/);
  assert.ok(String(answer.body.detail).length > 20, "says what to do");
}

test("unknown fields in body and query are named and refused", async () => {
  const body = await user.call("POST", "/api/v1/projects", { name: "A", colour: "red" });
  assertProblem(body, 400, "validation_failed");
  assert.deepEqual(body.body.errors, [{ path: "body.colour", message: "is not a known field" }]);
  const query = await user.call("GET", "/api/v1/squads?pagesize=5");
  assertProblem(query, 400, "validation_failed");
  assert.match(query.body.detail, /query\.pagesize/);
  assertProblem(await user.call("GET", "/api/v1/me?x=1"), 400, "validation_failed");
  const control = await user.call("POST", `/api/v1/executions/${user.id}/cancel`, { force: true });
  assertProblem(control, 400, "validation_failed");
  assert.equal((await user.call("GET", "/api/v1/projects")).body.total, 0);
});

test("wrong types are refused, never coerced in a body; several faults come at once", async () => {
  const answer = await user.call("POST", "/api/v1/squads", {
    name: 5,
    members: [{ name: "A", role: 1 }],
    process: "chaos",
  });
  assertProblem(answer, 400, "validation_failed");
  const paths = answer.body.errors.map((error: { path: string }) => error.path).sort();
  assert.deepEqual(paths, ["body.members.0.role", "body.name", "body.process"]);
  assertProblem(await user.call("PUT", "/api/v1/budgets/instance", { limitNanoUsd: "5" }), 400, "validation_failed");
  assertProblem(await user.call("GET", "/api/v1/squads?page=0"), 400, "validation_failed");
  assertProblem(await user.call("GET", "/api/v1/squads?page=1&page=2"), 400, "validation_failed");
  assertProblem(await user.call("GET", "/api/v1/squads/not-a-uuid"), 400, "validation_failed");
  assertProblem(await user.call("GET", "/api/v1/notifications?cursor=AAAA"), 400, "validation_failed");
});

test("broken JSON, prototype tricks, other media types and NUL are refused clearly", async () => {
  assertProblem(await sendRaw("/api/v1/projects", '{"name": "A"'), 400, "bad_request");
  assertProblem(await sendRaw("/api/v1/projects", '{"name": "A", "__proto__": {"admin": true}}'), 400, "bad_request");
  assertProblem(await sendRaw("/api/v1/projects", "[]"), 400, "validation_failed");
  assertProblem(await sendRaw("/api/v1/projects", "null"), 400, "validation_failed");
  assertProblem(
    await sendRaw("/api/v1/projects", "name=A", "application/x-www-form-urlencoded"),
    415,
    "unsupported_media_type",
  );
  assertProblem(await sendRaw("/api/v1/projects", '{"name": "A\\u0000B"}'), 400, "validation_failed");
  assertProblem(await sendRaw("/api/v1/projects", '{"name": "   "}'), 400, "validation_failed");
});

test("a body of 10 MB is refused with 413, on a route for tasks too when it is above its limit", async () => {
  const large = `{"name": "${"x".repeat(10_000_000)}"}`;
  assertProblem(await sendRaw("/api/v1/projects", large), 413, "payload_too_large");
  assertProblem(await sendRaw("/api/v1/tasks", `{"title": "${"x".repeat(13_000_000)}"}`), 413, "payload_too_large");
  const sixMegabytes = Buffer.alloc(6_000_000).toString("base64");
  const answer = await user.call("POST", "/api/v1/tasks", {
    title: "T",
    attachments: [{ name: "a", contentBase64: sixMegabytes }],
  });
  assert.ok([400, 413].includes(answer.status), String(answer.status));
  assert.equal((await user.call("GET", "/api/v1/tasks")).body.total, 0);
});

test("attachments must be base64 under a plain file name", async () => {
  const create = (attachment: unknown) => user.call("POST", "/api/v1/tasks", { title: "T", attachments: [attachment] });
  for (const name of ["../x", "a/b", "..", ".", "a\\b", "a\nb"]) {
    assertProblem(await create({ name, contentBase64: "aaaa" }), 400, "validation_failed");
  }
  assertProblem(await create({ name: "a", contentBase64: "not base64!" }), 400, "validation_failed");
  const twice = await user.call("POST", "/api/v1/tasks", {
    title: "T",
    attachments: [
      { name: "a", contentBase64: "aaaa" },
      { name: "a", contentBase64: "bbbb" },
    ],
  });
  assertProblem(twice, 400, "validation_failed");
});

test("addresses that are near a route are 404, other methods 405 with Allow", async () => {
  for (const url of [
    "//api/v1/me",
    "/api//v1/me",
    "/api/v1/me/",
    "/api/v1/ME",
    "/api/v1/me;x",
    "/api/v1/%6De/..",
    "/nothing",
  ]) {
    const answer = await user.call("GET", url);
    assert.equal(answer.status, 404, url);
  }
  const wrong = await user.call("PUT", "/api/v1/squads");
  assertProblem(wrong, 405, "method_not_allowed");
  assert.equal(wrong.headers.allow, "GET, POST, HEAD");
  assertProblem(await user.call("GET", "/api/v1/%zz"), 400, "bad_request");
  assertProblem(await user.call("POST", "/api/v1/executions/x/y/z"), 404, "not_found");
});

test("a model that does not exist and a provider that breaks are errors with a cause, before and in a stream", async () => {
  const broken = await user.call("POST", "/api/v1/agent/chat/stream", { model: "test/broken", message: "hi" });
  assert.ok(broken.status >= 500);
  assert.equal(broken.body.code, "internal_error");
  assert.ok(!JSON.stringify(broken.body).includes("socket broke"), "says nothing of the inside");
  const none = await user.call("POST", "/v1/chat/completions", {
    model: "squad/none",
    messages: [{ role: "user", content: "hi" }],
  });
  assert.deepEqual([none.status, none.body.error.code], [404, "not_found"]);
});

test("writes of another site's page are refused; those of our own and of no browser are not", async () => {
  const cookie = await signInCookie(api.app, user.email);
  const post = (headers: Record<string, string>) =>
    call(api.app, "POST", "/api/v1/projects", {
      body: { name: "P" },
      headers: { cookie, host: "muster.test", ...headers },
    });
  for (const headers of [
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
    { origin: "https://evil.example" },
    { origin: "null" },
    { origin: "https://muster.test.evil.example" },
  ] as Record<string, string>[]) {
    assertProblem(await post(headers), 403, "forbidden");
  }
  for (const headers of [
    {},
    { "sec-fetch-site": "same-origin", origin: "https://muster.test" },
    { origin: "https://muster.test" },
  ] as Record<string, string>[]) {
    assert.equal((await post(headers)).status, 201);
  }
});

test("a session ends with sign-out and a password change at once", async () => {
  const first = await signInCookie(api.app, user.email);
  const second = await signInCookie(api.app, user.email);
  const me = async (cookie: string) => (await call(api.app, "GET", "/api/v1/me", { headers: { cookie } })).status;
  assert.deepEqual([await me(first), await me(second)], [200, 200]);
  await call(api.app, "POST", "/api/v1/auth/sign-out", { headers: { cookie: first } });
  assert.deepEqual([await me(first), await me(second)], [401, 200]);
  const third = await signInCookie(api.app, user.email);
  const change = await call(api.app, "PATCH", "/api/v1/me", {
    body: { currentPassword: "a password that is long", newPassword: "another long password" },
    headers: { cookie: second },
  });
  assert.equal(change.status, 200, JSON.stringify(change.body));
  assert.deepEqual([await me(second), await me(third)], [200, 401]);
});

test("guessing passwords meets the limit, and known and unknown users look alike", async () => {
  const tries = await Promise.all(
    Array.from({ length: 14 }, (_, index) =>
      call(api.app, "POST", "/api/v1/auth/sign-in", {
        body: { email: index % 2 ? "nobody@example.org" : user.email, password: "wrong password" },
      }),
    ),
  );
  const codes = new Set(tries.map((answer) => answer.body.code));
  assert.deepEqual([...codes].sort(), ["invalid_credentials", "rate_limited"]);
  const limited = tries.find((answer) => answer.status === 429);
  assert.ok(Number(limited?.headers["retry-after"]) >= 1);
});

test("garbage on the socket and half a request do not harm the server", async () => {
  const { port } = api.app.server.address() as AddressInfo;
  for (const text of [
    "GARBAGE\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n",
    "\x16\x03\x01\x02",
  ]) {
    const answer = await new Promise<string>((resolve, reject) => {
      let got = "";
      const socket = connect(port, "127.0.0.1", () => socket.end(text));
      socket.on("data", (chunk) => {
        got += chunk;
      });
      socket.on("close", () => resolve(got));
      socket.on("error", reject);
    });
    assert.match(answer, /^(HTTP\/1\.1 400|$)/);
  }
  assert.equal((await fetch(`http://127.0.0.1:${port}/health/live`)).status, 200);
});
