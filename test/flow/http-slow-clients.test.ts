import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { after, before, test } from "node:test";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { createUser } from "../support/api-client.ts";

// Over real sockets: what Node's HTTP server does with clients that hold connections without asking for anything.

let api: TestApi;
let port: number;

before(async () => {
  api = await startTestApi();
  await api.app.listen({ port: 0, host: "127.0.0.1" });
  port = (api.app.server.address() as AddressInfo).port;
});
after(() => api.close());

/** Sends text and collects what comes until the server closes. */
async function answerTo(text: string, every?: { ms: number; text: string }, to = port): Promise<string> {
  const socket = connect(to, "127.0.0.1");
  let answer = "";
  socket.on("data", (chunk: Buffer) => {
    answer += chunk.toString();
  });
  // A server that closes while something is on its way resets the connection: that is what is waited for.
  socket.on("error", () => undefined);
  await once(socket, "connect");
  socket.write(text);
  const timer = every && setInterval(() => socket.write(every.text), every.ms);
  await once(socket, "close");
  clearInterval(timer);
  return answer;
}

/** Fails unless it is a whole problem document with this status and code. */
function assertProblem(answer: string, status: number, code: string): void {
  const [head = "", body = ""] = answer.split("\r\n\r\n");
  assert.match(head, new RegExp(`^HTTP/1\\.1 ${status} `));
  assert.match(head, /\r\ncontent-type: application\/problem\+json; charset=utf-8\r\n/);
  assert.match(head, new RegExp(`\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`));
  const problem = JSON.parse(body);
  assert.deepEqual([problem.status, problem.code, problem.type], [status, code, `/docs/errors#${code}`]);
}

test("a slow-loris connection that never ends its headers is closed with 408, while others are answered", async () => {
  const startedAt = performance.now();
  const slow = answerTo("GET /health/live HTTP/1.1\r\nHost: a\r\n", { ms: 500, text: "X-More: 1\r\n" });
  const quick = await fetch(`http://127.0.0.1:${port}/health/live`);
  assert.equal(quick.status, 200);
  assertProblem(await slow, 408, "request_timeout");
  // 10 s for the headers, looked at every 5 s.
  assert.ok(performance.now() - startedAt < 17_000);
});

test("a body that comes byte by byte is closed with 408 when its time is over, while others are answered", async (t) => {
  const impatient = await startTestApi({ beside: api, deps: { receiveTimeoutMs: 1_000 } });
  t.after(() => impatient.close());
  const origin = await impatient.app.listen({ port: 0, host: "127.0.0.1" });
  const head =
    "POST /api/v1/auth/sign-in HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{";
  const startedAt = performance.now();
  const slow = answerTo(head, { ms: 100, text: " " }, Number(new URL(origin).port));
  const body = JSON.stringify({ email: "nobody@example.org", password: "a password of nobody" });
  const headers = { "content-type": "application/json" };
  const quick = await fetch(`${origin}/api/v1/auth/sign-in`, { method: "POST", headers, body });
  assert.equal(quick.status, 401);
  assertProblem(await slow, 408, "request_timeout");
  // 1 s for the request, looked at every 5 s; the body would have taken 500 s.
  assert.ok(performance.now() - startedAt < 17_000);
});

test("a body has 30 s to come when nothing else is said", () => {
  assert.equal(api.app.server.requestTimeout, 30_000);
});

test("headers beyond 16 KB are refused", async () => {
  const answer = await answerTo(`GET /health/live HTTP/1.1\r\nHost: a\r\nX-Long: ${"x".repeat(20_000)}\r\n\r\n`);
  assertProblem(answer, 431, "headers_too_large");
});

test("what is no HTTP is refused in the same form; into an answer under way nothing is written", async () => {
  assertProblem(await answerTo("HELLO\r\n\r\n"), 400, "bad_request");
  const { token } = await createUser(api.app, api.database.db);
  const socket = connect(port, "127.0.0.1");
  let stream = "";
  socket.on("error", () => undefined);
  socket.on("data", (chunk: Buffer) => {
    // Once: as soon as the stream has begun.
    if (stream === "") socket.write("HELLO\r\n\r\n");
    stream += chunk.toString();
  });
  socket.write(`GET /api/v1/changes HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n\r\n`);
  await once(socket, "close");
  assert.match(stream, /^HTTP\/1\.1 200 /);
  assert.equal(stream.match(/HTTP\/1\.1 /g)?.length, 1, stream);
});

test("a body that is too large is refused by its announced length, before it is sent", async () => {
  const answer = await answerTo(
    "POST /api/v1/auth/sign-in HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 999999999\r\nConnection: close\r\n\r\n{",
  );
  assert.match(answer, /^HTTP\/1\.1 413 /);
  assert.match(answer, /payload_too_large|too large/);
});
