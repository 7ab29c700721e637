import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type Database, migrate, openDatabase, uuidv7 } from "#db";
import { executionChangeTags } from "#domain";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { createUser, type TestUser } from "../support/api-client.ts";
import { musterCommand } from "../support/command-line.ts";
import { insertExecution } from "../support/executions.ts";
import { type ReplicatedPostgres, startReplicatedPostgres } from "../support/replicated-postgres.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

// A real streaming replica. Reads go there while it is proven to be near and this process hears of every change; a caller's own
// writes are never missed; what it cannot answer is asked of the primary.

let servers: ReplicatedPostgres;
let db: Database;
let api: TestApi;
/** Another process on the primary. */
let other: TestApi;
let user: TestUser;
let squadUrl: string;
const atReplica: string[] = [];

before(async () => {
  servers = await startReplicatedPostgres();
  db = await openDatabase({
    url: servers.primaryUrl,
    readUrl: servers.replicaUrl,
    poolMin: 1,
    poolMax: 8,
    idleTimeoutMs: 10_000,
    connectionTimeoutMs: 2_000,
    slowQueryMs: 1_000,
  });
  await migrate(db.pool);
  const { query } = db.read;
  const counted: Database = {
    ...db,
    read: {
      ...db.read,
      query: (name, text, values) => {
        if (name !== "replica_position") atReplica.push(name);
        return query(name, text, values);
      },
    },
  };
  // Nothing finds room: each read asks a database, as a first one does.
  const shared = { url: servers.primaryUrl, db: counted, drop: async () => undefined };
  api = await startTestApi({ database: shared, cacheBytes: 0 });
  other = await startTestApi({ beside: api });
  user = await createUser(api.app, db);
  squadUrl = `/api/v1/squads/${(await user.call("POST", "/api/v1/squads", { template: "pair" })).body.squad.id}`;
});
after(async () => {
  await other?.close();
  await api?.close();
  await db?.close();
  await servers?.stop();
});

async function readGoal(): Promise<{ goal: string; place: "replica" | "primary" }> {
  atReplica.length = 0;
  const { status, body } = await user.call("GET", squadUrl);
  assert.equal(status, 200, JSON.stringify(body));
  return { goal: body.squad.goal, place: atReplica.length > 0 ? "replica" : "primary" };
}

/** Reads until the place is this one; every read on the way is right. */
async function untilReadAt(place: "replica" | "primary", goal: string): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const read = await readGoal();
    assert.equal(read.goal, goal);
    if (read.place === place) return;
    assert.ok(performance.now() < deadline, `no read at the ${place} within 20 s`);
    await delay(100);
  }
}

const write = async (goal: string) => assert.equal((await user.call("PATCH", squadUrl, { goal })).status, 200);

test("reads go to the replica when their user's last change has settled", async () => {
  await write("one");
  assert.deepEqual(await readGoal(), { goal: "one", place: "primary" });
  await untilReadAt("replica", "one");
});

test("a caller reads its own write, however far the replica is behind", async () => {
  await servers.pauseReplay();
  await write("two");
  const until = performance.now() + 7_000;
  while (performance.now() < until) {
    assert.equal((await readGoal()).goal, "two");
    await delay(100);
  }
  // Longer ago than a change needs to settle, and still not at the replica: it is not proven to be near.
  assert.equal((await readGoal()).place, "primary");
  await servers.resumeReplay();
  await untilReadAt("replica", "two");
});

test("a replica that stops costs no answer; back again, it is read from", async () => {
  await untilReadAt("replica", "two");
  await servers.stopReplica();
  for (let number = 0; number < 20; number++) assert.equal((await readGoal()).goal, "two");
  await write("three");
  assert.deepEqual((await readGoal()).goal, "three");
  await servers.startReplica();
  await untilReadAt("replica", "three");
});

test("while another process's writes may not be heard of, no read goes to a replica that may not have them", async () => {
  await untilReadAt("replica", "three");
  await servers.pauseReplay();
  await db.pool.query("SELECT pg_terminate_backend($1)", [api.listenerPid]);
  while (api.deps.cache.usable()) await delay(1);
  // Of another process, that says so while nobody hears it here.
  await db.pool.query("UPDATE squads SET goal = 'four'");
  // Deaf at first; then it hears again, but not what was said meanwhile, and the replica is still believed to be near.
  const until = performance.now() + 2_500;
  while (performance.now() < until) {
    assert.deepEqual(await readGoal(), { goal: "four", place: "primary" });
    await delay(20);
  }
  assert.ok(api.deps.cache.usable(), "it hears again");
  await servers.resumeReplay();
  await untilReadAt("replica", "four");
});

test("text that a worker adds is read at once, though nothing else changed", async () => {
  const squadId = squadUrl.split("/").at(-1) ?? "";
  const { body: project } = await user.call("POST", "/api/v1/projects", { name: "P" });
  const projectId = project.project.id;
  const { body: made } = await user.call("POST", "/api/v1/tasks", { projectId, squadId, title: "T" });
  const executionId = await insertExecution(db, {
    userId: user.id,
    squadId,
    projectId,
    taskId: made.task.id,
    memberIds: [],
  });
  const url = `/api/v1/executions/${executionId}/messages`;
  await untilReadAt("replica", "four");
  atReplica.length = 0;
  assert.deepEqual((await user.call("GET", url)).body.data, []);
  assert.ok(atReplica.length > 0, "messages too are read there");
  await servers.pauseReplay();
  await db.pool.query(
    "INSERT INTO agent_messages (id, task_execution_id, role, status, content) VALUES ($1, $2, 'assistant', 'completed', 'new')",
    [uuidv7(), executionId],
  );
  const change = { userId: user.id, executionId, squadId, coarse: false };
  await other.bus.publish(executionChangeTags(change));
  const { data } = (await user.call("GET", url)).body;
  assert.deepEqual(
    data.map(({ content }: { content: string }) => content),
    ["new"],
  );
  await servers.resumeReplay();
});

test("what is written by a stream, or changes no answer that is kept, is read at once too", async () => {
  const chat = { model: "test/echo", messages: [{ role: "user", content: "hi" }] };
  const deferred = { "x-muster-lane": "deferred" };
  const talk = async (by: TestUser) => {
    const { headers } = await by.call("POST", "/api/v1/agent/chat/stream", { model: "test/echo", message: "hi" });
    return `/api/v1/conversations/${headers["x-muster-conversation"]}`;
  };
  const defer = async (by: TestUser) => {
    const { body } = await by.call("POST", "/v1/chat/completions", chat, deferred);
    return `/api/v1/deferred-calls/${body.deferredCall.id}`;
  };
  const told = ({ status, body }: Awaited<ReturnType<TestUser["call"]>>) => body.deferredCall?.state ?? status;
  interface Write {
    what: string;
    /** Long before: the replica has it. */
    before?: (by: TestUser) => Promise<string>;
    /** Returns where what it wrote is read. */
    write: (by: TestUser, url: string) => Promise<string>;
    reads: string | number;
  }
  const writes: Write[] = [
    { what: "a chat", write: talk, reads: 200 },
    { what: "a deferred call", write: defer, reads: "waiting" },
    {
      what: "its end",
      before: defer,
      write: async (by, url) => {
        await by.call("POST", `${url}/cancel`);
        return url;
      },
      reads: "cancelled",
    },
    {
      what: "a conversation less",
      before: talk,
      write: async (by, url) => {
        await by.call("DELETE", url);
        return url;
      },
      reads: 404,
    },
  ];
  // A user each: what one wrote says nothing of another.
  const prepared: (Write & { by: TestUser; url: string })[] = [];
  for (const one of writes) {
    const by = await createUser(api.app, db);
    prepared.push({ ...one, by, url: (await one.before?.(by)) ?? "" });
  }
  const bystander = await createUser(api.app, db);
  await delay(5_200);
  await untilReadAt("replica", "four");
  await servers.pauseReplay();
  try {
    for (const { what, write, by, url, reads } of prepared) {
      const place = await write(by, url);
      assert.equal(told(await by.call("GET", place)), reads, what);
    }
    atReplica.length = 0;
    await bystander.call("GET", "/api/v1/conversations");
    assert.deepEqual(atReplica, ["conversations_list"], "the replica was not read from at all");
  } finally {
    await servers.resumeReplay();
  }
});

test("muster doctor counts the connections at the replica too", async () => {
  const folder = temporaryFolder();
  const run = await musterCommand(["doctor", "--json"], {
    MUSTER_DATA_DIR: folder.path,
    DATABASE_URL: servers.primaryUrl,
    DATABASE_READ_URL: servers.replicaUrl,
    DATABASE_POOL_MAX: "97",
  });
  await folder.remove();
  const findings: { level: string; what: string }[] = JSON.parse(run.stdout).findings;
  const found = findings.find(({ what }) => what.startsWith("the replica: up to"));
  assert.deepEqual(
    [found?.level, found?.what],
    ["problem", "the replica: up to 97 of 97 connections (processes x pool: 1 x 97): too many"],
  );
});

test("Muster starts without its replica", async () => {
  const errors: Error[] = [];
  const alone = await openDatabase({
    url: servers.primaryUrl,
    readUrl: "postgres://muster@127.0.0.1:1/none",
    poolMin: 1,
    poolMax: 2,
    idleTimeoutMs: 1_000,
    connectionTimeoutMs: 2_000,
    slowQueryMs: 1_000,
    onError: (error) => void errors.push(error),
  });
  assert.equal((await alone.query("one", "SELECT 1 AS one")).rows[0]?.one, 1);
  assert.equal(errors.length, 1);
  await alone.close();
});
