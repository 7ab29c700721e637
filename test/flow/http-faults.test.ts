import assert from "node:assert/strict";
import { type AddressInfo, connect } from "node:net";
import { after, before, test } from "node:test";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { call, createUser, type TestUser } from "../support/api-client.ts";

// What a client sees when the parts below fail, and streams that are slow, cut or revoked.

let api: TestApi;
let user: TestUser;
let fault: Error | null = null;

before(async () => {
  api = await startTestApi();
  user = await createUser(api.app, api.database.db);
  const { pool } = api.database.db;
  const original = pool.query.bind(pool);
  (pool as { query: unknown }).query = (statement: { name?: string }, ...rest: unknown[]) =>
    fault && statement.name !== "api_key_find"
      ? Promise.reject(fault)
      : (original as (...all: unknown[]) => unknown)(statement, ...rest);
  await api.app.listen({ port: 0, host: "127.0.0.1" });
});
after(() => api.close());

async function withFault(code: string, work: () => Promise<void>): Promise<void> {
  fault = Object.assign(new Error(`a fault of kind ${code} with secret details`), { code });
  try {
    await work();
  } finally {
    fault = null;
  }
}

for (const [code, status, name] of [
  ["53100", 507, "storage_full"],
  ["ENOSPC", 507, "storage_full"],
  ["ECONNREFUSED", 503, "unavailable"],
  ["57P01", 503, "unavailable"],
  ["57014", 503, "unavailable"],
  ["40001", 409, "conflict"],
  ["XX000", 500, "internal_error"],
] as const) {
  test(`a fault ${code} of the database is ${status} ${name}, says what to do and nothing of the inside`, async () => {
    await withFault(code, async () => {
      const answer = await user.call("POST", "/api/v1/projects", { name: "P" });
      assert.deepEqual([answer.status, answer.body.code], [status, name]);
      assert.ok(!JSON.stringify(answer.body).includes("secret details"));
      if (status !== 500) assert.ok(Number(answer.headers["retry-after"]) >= 1);
      const openAi = await user.call("GET", "/v1/models");
      assert.ok(openAi.body.error.message.length > 10);
    });
    assert.equal((await user.call("GET", "/api/v1/projects")).body.total, 0);
  });
}

test("readiness follows the database, liveness does not", async () => {
  await withFault("ECONNREFUSED", async () => {
    assert.equal((await call(api.app, "GET", "/health/ready")).status, 503);
    assert.equal((await call(api.app, "GET", "/health/live")).status, 200);
  });
  assert.equal((await call(api.app, "GET", "/health/ready")).status, 200);
});

async function makeExecution(events: number, bytes: number): Promise<string> {
  const { squad } = (await user.call("POST", "/api/v1/squads", { template: "pair" })).body;
  const { task } = (await user.call("POST", "/api/v1/tasks", { title: "T", squadId: squad.id })).body;
  const { execution } = (await user.call("POST", `/api/v1/tasks/${task.id}/executions`)).body;
  const { pool } = api.database.db;
  await pool.query(
    `INSERT INTO execution_events (execution_id, seq, at, type, data)
     SELECT $1, n, now(), 'message-delta', jsonb_build_object('messageId', $4::text, 'text', repeat('x', $3))
     FROM generate_series(2, $2) n`,
    [execution.id, events + 1, bytes, execution.id],
  );
  await pool.query("UPDATE task_executions SET last_seq = $2 WHERE id = $1", [execution.id, events + 1]);
  return execution.id;
}

test("a reader that catches up gets every event of a long stream once, in order", async () => {
  const executionId = await makeExecution(3_000, 1_000);
  const { port } = api.app.server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/executions/${executionId}/events`, {
    headers: { authorization: `Bearer ${user.token}` },
  });
  assert.equal(response.headers.get("cache-control"), "no-cache, no-transform");
  assert.equal(response.headers.get("content-encoding"), null);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  let text = "";
  const seen: number[] = [];
  while (seen.length < 3_001) {
    const { value, done } = await reader.read();
    assert.ok(!done, `cut off after ${seen.length}`);
    text += Buffer.from(value).toString("latin1");
    const end = text.lastIndexOf("\n\n");
    for (const [, id] of text.slice(0, end + 1).matchAll(/^id: (\d+)$/gm)) seen.push(Number(id));
    text = text.slice(end + 1);
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 3_001 }, (_, index) => index + 1),
  );
  await reader.cancel();
});

/** Reads until the pattern has come; `rest` reads to the end and answers with all of it. */
async function readOn(response: Response, pattern: RegExp): Promise<{ rest(): Promise<string> }> {
  const chunks = (response.body as ReadableStream<Uint8Array>).values();
  const decoder = new TextDecoder();
  let text = "";
  while (!pattern.test(text)) {
    const { value, done } = await chunks.next();
    assert.ok(!done, `the stream ended with ${text}`);
    text += decoder.decode(value, { stream: true });
  }
  return {
    async rest() {
      for await (const bytes of chunks) text += decoder.decode(bytes, { stream: true });
      return text;
    },
  };
}

/** The ids that a reader gets who comes with this Last-Event-ID, while the execution writes on, until it got one. */
async function readIds(executionId: string, lastEventId: string): Promise<number[]> {
  const { port } = api.app.server.address() as AddressInfo;
  const { pool } = api.database.db;
  const leave = new AbortController();
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/executions/${executionId}/events`, {
    headers: { authorization: `Bearer ${user.token}`, "last-event-id": lastEventId },
    signal: leave.signal,
  });
  assert.equal(response.status, 200);
  const writing = setInterval(() => {
    void pool
      .query("SELECT muster_append($1, $2::jsonb) AS last", [
        executionId,
        JSON.stringify([{ type: "execution-resume", data: { by: "user" } }]),
      ])
      .then(({ rows }) => api.events.announce(executionId, Number(rows[0].last)));
  }, 100);
  let text = "";
  const decoder = new TextDecoder();
  try {
    for await (const bytes of response.body as ReadableStream<Uint8Array>) {
      text += decoder.decode(bytes, { stream: true });
      const seen = [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
      if (text.endsWith("\n\n") && seen.length > 0) return seen;
    }
    assert.fail("the stream ended");
  } finally {
    clearInterval(writing);
    leave.abort();
  }
}

test("a stream resumes behind any Last-Event-ID: old, of the end, from the future; what is no number is refused", async () => {
  const executionId = await makeExecution(20, 10);
  const contiguous = (ids: number[], from: number) => {
    assert.deepEqual(
      ids,
      ids.map((_, index) => from + index),
    );
  };
  contiguous(await readIds(executionId, "0"), 1);
  contiguous(await readIds(executionId, "18"), 19);
  contiguous(await readIds(executionId, "21"), 22);
  // Of another execution or installation, with a higher number than this one has: it goes on from its end.
  const ids = await readIds(executionId, "999999");
  assert.ok((ids[0] ?? 0) > 22, String(ids));
  contiguous(ids, ids[0] ?? 0);
  for (const forged of ["-1", "1e3", "1 OR 1=1", "9999999999999999", "1,2", "0x10"]) {
    const answer = await user.call("GET", `/api/v1/executions/${executionId}/events`, undefined, {
      "last-event-id": forged,
    });
    assert.equal(answer.status, 400, forged);
    assert.match(answer.body.detail, /Last-Event-ID must be/);
  }
});

test("nobody reads the stream of another's execution, whatever number they name", async () => {
  const executionId = await makeExecution(5, 10);
  const other = await createUser(api.app, api.database.db);
  const answer = await other.call("GET", `/api/v1/executions/${executionId}/events`, undefined, {
    "last-event-id": "3",
  });
  assert.equal(answer.status, 404);
});

test("a server that stops sends its readers away with a time to come back, each its own", async () => {
  const executionId = await makeExecution(3, 10);
  const stopping = await startTestApi({ beside: api });
  await stopping.app.listen({ port: 0, host: "127.0.0.1" });
  const { port } = stopping.app.server.address() as AddressInfo;
  const streams = await Promise.all(
    Array.from({ length: 5 }, async () => {
      const response = await fetch(`http://127.0.0.1:${port}/api/v1/executions/${executionId}/events`, {
        headers: { authorization: `Bearer ${user.token}` },
      });
      return readOn(response, /^id: 4$/m);
    }),
  );
  assert.equal(stopping.app.resumableStreams.size, 5);
  const rest = Promise.all(streams.map(({ rest }) => rest()));
  await stopping.close();
  const times = (await rest).map((text) => {
    assert.match(text, /^retry: 1000$/m);
    return /retry: (\d+)\n: come back\n\n$/.exec(text)?.[1];
  });
  assert.ok(
    times.every((time) => Number(time) > 0 && Number(time) <= 1_500),
    String(times),
  );
  assert.ok(new Set(times).size > 1, "not all in the same moment");
});

test("a reader that takes nothing is cut off, and the server's memory with it", async () => {
  const executionId = await makeExecution(40_000, 1_000);
  const { port } = api.app.server.address() as AddressInfo;
  const socket = connect(port, "127.0.0.1");
  socket.write(
    `GET /api/v1/executions/${executionId}/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${user.token}\r\n\r\n`,
  );
  socket.pause();
  const size = () => api.events.size();
  while (size() === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const deadline = performance.now() + 20_000;
  while (size() > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(size(), 0, "the stream was ended");
  socket.destroy();
});

test("revoking a key ends its streams at once", async () => {
  const other = await createUser(api.app, api.database.db);
  const { squad } = (await other.call("POST", "/api/v1/squads", { template: "pair" })).body;
  const { task } = (await other.call("POST", "/api/v1/tasks", { title: "T", squadId: squad.id })).body;
  const { execution } = (await other.call("POST", `/api/v1/tasks/${task.id}/executions`)).body;
  const { port } = api.app.server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/executions/${execution.id}/events`, {
    headers: { authorization: `Bearer ${other.token}` },
  });
  const { rest } = await readOn(response, /^id: 1$/m);
  await other.call("DELETE", `/api/v1/api-keys/${other.apiKeyId}`);
  await rest();
});

test("a process with too much to do refuses at once and says when to come back", async () => {
  const busy = await startTestApi({ beside: api, deps: { limits: { maxInFlight: 2 } } });
  try {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        call(busy.app, "GET", "/api/v1/squads", { headers: { authorization: `Bearer ${user.token}` } }),
      ),
    );
    const refused = answers.filter((answer) => answer.status === 503);
    assert.ok(refused.length > 0 && refused.length < 20, `${refused.length} refused`);
    assert.ok(refused.every((answer) => answer.headers["retry-after"] === "1"));
    assert.equal((await call(busy.app, "GET", "/health/live")).status, 200);
  } finally {
    await busy.close();
  }
});
