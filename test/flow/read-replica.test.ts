import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type Database, migrate, openDatabase } from "#db";
import { createAnswerCache } from "#http";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { createUser, type TestUser } from "../support/api-client.ts";
import { type ReplicatedPostgres, startReplicatedPostgres } from "../support/replicated-postgres.ts";

// A real streaming replica. Reads go there while it is proven to be near; a caller's own writes are never missed; what it
// cannot answer is asked of the primary.

let servers: ReplicatedPostgres;
let db: Database;
let api: TestApi;
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
  // Nothing is kept: each read asks a database.
  const cache = { ...createAnswerCache(), usable: () => false };
  api = await startTestApi({ deps: { db: counted, cache } });
  user = await createUser(api.app, db);
  squadUrl = `/api/v1/squads/${(await user.call("POST", "/api/v1/squads", { template: "pair" })).body.squad.id}`;
});
after(async () => {
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
