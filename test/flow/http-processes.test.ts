import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { executionChangeTags, executionTag } from "#domain";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { call, createUser, type TestUser } from "../support/api-client.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

// Three API processes (each with its own pool, listener, cache and server) on one database, with the second level of the cache
// in Redis.

let apis: TestApi[];
let user: TestUser;
let squadUrl: string;
let redis: TestRedis;

const ask = (api: TestApi | undefined, method: string, url: string, body?: unknown, who = user) =>
  call((api as TestApi).app, method, url, { body, headers: { authorization: `Bearer ${who.token}` } });

/** Waits until a condition holds, looking again at each turn of the event loop. */
async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) assert.fail(`not within 10 s: ${what}`);
    await delay(5);
  }
}

const allUsable = () => apis.every((api) => api.bus.peers().length === apis.length - 1 && api.deps.cache.usable());

before(async () => {
  redis = await startRedis();
  const redisUrl = redis.url;
  const first = await startTestApi({ redisUrl });
  apis = [first, await startTestApi({ beside: first, redisUrl }), await startTestApi({ beside: first, redisUrl })];
  user = await createUser(first.app, first.database.db);
  await until("all processes know each other", allUsable);
  squadUrl = `/api/v1/squads/${(await ask(first, "POST", "/api/v1/squads", { template: "pair" })).body.squad.id}`;
});
after(async () => {
  for (const api of apis.toReversed()) await api.close();
  await redis.stop();
});

test("a caller never reads behind its own write, whichever process answers", async () => {
  let random = 12_345;
  const next = (below: number) => {
    random = (random * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((random / 2_147_483_648) * below);
  };
  let hits = 0;
  for (let number = 1; number <= 150; number++) {
    const written = await ask(apis[next(3)], "PATCH", squadUrl, { goal: String(number) });
    assert.equal(written.status, 200);
    for (let reads = 0; reads < 3; reads++) {
      const api = apis[next(3)] as TestApi;
      const kept = api.deps.cache.answers.size().entries;
      const read = await ask(api, "GET", squadUrl);
      assert.equal(read.body.squad.goal, String(number), `write ${number}`);
      const list = await ask(api, "GET", "/api/v1/squads");
      assert.equal(list.body.data[0].goal, String(number), `write ${number}`);
      if (api.deps.cache.answers.size().entries === kept) hits++;
    }
  }
  assert.ok(hits > 20, `${hits} reads came from the caches, so the test looked at them`);
});

test("what one process loaded another takes from Redis, and not after a write", async () => {
  const [first, second, third] = apis as [TestApi, TestApi, TestApi];
  await ask(first, "PATCH", squadUrl, { goal: "shared" });
  const statements: string[] = [];
  const query = second.database.db.pool.query.bind(second.database.db.pool) as (...all: unknown[]) => unknown;
  (second.database.db.pool as { query: unknown }).query = (statement: { name?: string }, ...rest: unknown[]) => {
    statements.push(statement.name ?? "unnamed");
    return query(statement, ...rest);
  };
  const loads = () => statements.filter((name) => name.startsWith("squad_")).length;
  const url = "/api/v1/squads?pageSize=7";
  const loaded = await ask(first, "GET", squadUrl);
  await ask(first, "GET", url);
  // The first keeps it there in the background.
  const deadline = performance.now() + 5_000;
  for (;;) {
    second.deps.cache.answers.clear();
    statements.length = 0;
    const taken = await ask(second, "GET", squadUrl);
    assert.deepEqual([taken.body, taken.headers.etag], [loaded.body, loaded.headers.etag]);
    if (loads() === 0) break;
    assert.ok(performance.now() < deadline, "it was never taken from Redis");
  }
  assert.match(await second.deps.metrics.text(), /cache_requests_total\{cache="responses_redis",result="hit"\} [1-9]/);
  await ask(third, "PATCH", squadUrl, { goal: "changed" });
  // Who loaded it is not asked: what a write made old is loaded again in the background, by whichever process is first.
  assert.equal((await ask(second, "GET", squadUrl)).body.squad.goal, "changed");
});

test("Redis dies and comes back: nobody notices but the database", async () => {
  const { port } = redis;
  await redis.stop();
  const roundOf = async (number: number) => {
    for (const [index, writer] of apis.entries()) {
      const goal = `${number} by ${index}`;
      assert.equal((await ask(writer, "PATCH", squadUrl, { goal })).status, 200);
      for (const api of apis) assert.equal((await ask(api, "GET", squadUrl)).body.squad.goal, goal);
    }
  };
  for (let number = 0; number < 10; number++) await roundOf(number);
  redis = await startRedis(port);
  for (let number = 10; number < 30; number++) await roundOf(number);
  // Frozen, it answers nothing and breaks no connection.
  redis.process.kill("SIGSTOP");
  const startedAt = performance.now();
  for (let number = 30; number < 33; number++) await roundOf(number);
  assert.ok(performance.now() - startedAt < 5_000);
  redis.process.kill("SIGCONT");
});

test("readers on one process beside a writer on another: nothing older than a finished write, nothing older again", async () => {
  let written = 0;
  await ask(apis[0], "PATCH", squadUrl, { goal: "0" });
  let stop = false;
  const readers = apis.map(async (api) => {
    let seen = 0;
    while (!stop) {
      const atLeast = written;
      const read = await ask(api, "GET", squadUrl);
      assert.equal(read.status, 200, JSON.stringify(read.body));
      const number = Number(read.body.squad.goal);
      assert.ok(number >= atLeast && number >= seen, `read ${number}, written ${atLeast}, seen ${seen}`);
      seen = number;
      await delay(1);
    }
  });
  for (let number = 1; number <= 100; number++) {
    const { status } = await ask(apis[number % 3], "PATCH", squadUrl, { goal: String(number) });
    // An overloaded machine may refuse: then nothing was written.
    assert.equal(status, 200, `write ${number}`);
    written = number;
  }
  stop = true;
  await Promise.all(readers);
});

test("a revoked key is refused by the other processes as soon as the revocation is answered", async () => {
  const other = await createUser(apis[0]!.app, apis[0]!.database.db);
  for (const api of apis) assert.equal((await ask(api, "GET", "/api/v1/me", undefined, other)).status, 200);
  assert.equal((await ask(apis[1], "DELETE", `/api/v1/api-keys/${other.apiKeyId}`, undefined, other)).status, 204);
  for (const api of apis) assert.equal((await ask(api, "GET", "/api/v1/me", undefined, other)).status, 401);
});

test("a process whose listening connection breaks shows nothing kept until it hears again", async () => {
  const [writer, deaf] = apis as [TestApi, TestApi];
  await ask(deaf, "GET", squadUrl);
  await writer.database.db.pool.query("SELECT pg_terminate_backend($1)", [deaf.listenerPid]);
  const written = await ask(writer, "PATCH", squadUrl, { goal: "while deaf" });
  assert.equal(written.status, 200);
  assert.equal((await ask(deaf, "GET", squadUrl)).body.squad.goal, "while deaf");
  await until("it hears again", allUsable);
  await ask(writer, "PATCH", squadUrl, { goal: "heard" });
  assert.equal((await ask(deaf, "GET", squadUrl)).body.squad.goal, "heard");
});

test("what a worker commits in one process drops the answers of all", async () => {
  const { task } = (await ask(apis[0], "POST", "/api/v1/tasks", { title: "T", squadId: squadUrl.split("/").at(-1) }))
    .body;
  const { execution } = (await ask(apis[0], "POST", `/api/v1/tasks/${task.id}/executions`)).body;
  const statusOf = async (api: TestApi) => ({
    one: (await ask(api, "GET", `/api/v1/executions/${execution.id}`)).body.execution.status,
    list: (await ask(api, "GET", "/api/v1/executions?limit=1")).body.data[0].status,
    filtered: (await ask(api, "GET", "/api/v1/executions?status=running")).body.data.length,
  });
  for (const api of apis) assert.deepEqual(await statusOf(api), { one: "queued", list: "queued", filtered: 0 });
  const [worker] = apis as [TestApi];
  await worker.database.db.pool.query("UPDATE task_executions SET status = 'running', last_seq = 2 WHERE id = $1", [
    execution.id,
  ]);
  const dropped = apis.slice(1).map(
    (api) =>
      new Promise<void>((resolve) => {
        const stop = api.deps.cache.onInvalidated((tags) => {
          if (!tags.includes(executionTag(execution.id)) || !tags.some((tag) => tag.endsWith(":executions"))) return;
          stop();
          resolve();
        });
      }),
  );
  const startedAt = performance.now();
  const told = worker.deps.cache.invalidate(
    executionChangeTags({ userId: user.id, executionId: execution.id, squadId: null, coarse: true }),
  );
  assert.deepEqual(await statusOf(worker), { one: "running", list: "running", filtered: 1 });
  await Promise.all([told, ...dropped]);
  assert.ok(performance.now() - startedAt < 1_000);
  for (const api of apis) assert.deepEqual(await statusOf(api), { one: "running", list: "running", filtered: 1 });
});

test("what a worker tells is heard by all and confirmed by nobody", async () => {
  const [first, second, third] = apis as [TestApi, TestApi, TestApi];
  const confirmations: string[] = [];
  for (const { database } of [first, second]) {
    const pool = database.db.pool as { query: (statement: { name?: string; values?: unknown[] }) => unknown };
    const query = pool.query.bind(pool);
    pool.query = (statement) => {
      const [payloads = []] = statement.name === "cache_notify" ? (statement.values as [string[]]) : [];
      confirmations.push(...payloads.filter((text) => text.includes('"done"')));
      return query(statement);
    };
  }
  const heard = [first, second].map(
    (api) =>
      new Promise<void>((resolve) => {
        api.deps.cache.onInvalidated((tags) => tags.includes("told") && resolve());
      }),
  );
  third.bus.tell(["told"]);
  await Promise.all(heard);
  // Confirmed and in the same order: whatever the other would have sent was sent before.
  await third.bus.publish(["asked"]);
  assert.deepEqual(
    confirmations.map((text) => text.match(/"done"/g)?.length),
    [1, 1],
  );
});

test("a process that falls silent is not waited for twice, and the others forget what it may have changed", async () => {
  const third = apis[2] as TestApi;
  // It stops hearing and saying anything, as one that was stopped by SIGSTOP.
  const silent = third.bus as unknown as { close(): Promise<void> };
  await silent.close();
  await until("the others noticed", () => apis.slice(0, 2).every((api) => api.bus.peers().length === 1));
  const startedAt = performance.now();
  await ask(apis[0], "PATCH", squadUrl, { goal: "without it" });
  assert.ok(performance.now() - startedAt < 500);
  assert.equal((await ask(apis[1], "GET", squadUrl)).body.squad.goal, "without it");
});
