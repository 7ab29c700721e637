import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Agent, request } from "undici";
import { uuidv7 } from "#db";
import { createRandom, type Random } from "../crash/lab/random.ts";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { createUser, signInCookie, type TestUser } from "../support/api-client.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

// Two users at two servers that share a Redis, over sockets: whatever is in flight at once, each sees their own things only,
// a 304 answers only who was given that very body, and nobody reads behind a write that was answered.

const interleavings = 1_000;

/** One of the two, with everything in the database that is theirs. */
interface Person extends TestUser {
  cookie: string;
  /** In every name and title of theirs. */
  mark: string;
  squads: string[];
  tasks: string[];
  executions: string[];
  /** Every id that only their answers may hold. */
  owned: Set<string>;
  /** Version that the last answered write gave to a squad or a task. */
  answered: Map<string, number>;
  /** By address and entity tag: the bodies that this person was given. */
  given: Map<string, Map<string, string>>;
}

let redis: TestRedis;
let apis: [TestApi, TestApi];
let origins: string[];
let people: [Person, Person];
const agent = new Agent({ connections: 16 });

before(async () => {
  redis = await startRedis();
  const limits = { perCaller: { perSecond: 1e6, burst: 1e6 } };
  const first = await startTestApi({ redisUrl: redis.url, deps: { limits } });
  apis = [first, await startTestApi({ redisUrl: redis.url, deps: { limits }, beside: first })];
  origins = await Promise.all(apis.map(({ app }) => app.listen({ host: "127.0.0.1", port: 0 })));
  people = [await createPerson("Anna-owns-this"), await createPerson("Boris-owns-this")];
});
after(async () => {
  await agent.close();
  await apis[1].close();
  await apis[0].close();
  await redis.stop();
});

/** A user with two squads, three tasks, two executions and two notifications. */
async function createPerson(mark: string): Promise<Person> {
  const { app, database } = apis[0];
  const user = await createUser(app, database.db, { name: mark });
  const cookie = await signInCookie(app, user.email);
  const own = { squads: [] as string[], tasks: [] as string[], executions: [] as string[] };
  const owned = new Set([user.id]);
  const make = async (url: string, body: unknown) => {
    const answer = await user.call("POST", url, body);
    assert.ok(answer.status < 300, JSON.stringify(answer.body));
    return answer.body;
  };
  const { project } = await make("/api/v1/projects", { name: mark });
  owned.add(project.id);
  for (let index = 0; index < 3; index++) {
    if (index < 2) {
      const { squad } = await make("/api/v1/squads", { template: "pair", name: `${mark} v0` });
      own.squads.push(squad.id);
      for (const member of squad.members) owned.add(member.id);
      await notify(user.id, mark, owned);
    }
    const body = { title: `${mark} v0`, squadId: own.squads[0], projectId: project.id };
    own.tasks.push((await make("/api/v1/tasks", body)).task.id);
  }
  for (const task of own.tasks.slice(0, 2)) {
    own.executions.push((await make(`/api/v1/tasks/${task}/executions`, {})).execution.id);
  }
  for (const id of [...own.squads, ...own.tasks, ...own.executions]) owned.add(id);
  return { ...user, cookie, mark, ...own, owned, answered: new Map(), given: new Map() };
}

async function notify(userId: string, mark: string, owned: Set<string>): Promise<void> {
  const id = uuidv7();
  owned.add(id);
  await apis[0].database.db.query(
    "test_notification",
    "INSERT INTO notifications (id, user_id, kind, title) VALUES ($1, $2, 'system', $3)",
    [id, userId, mark],
  );
}

/** Addresses that are the same for both, and those of one's own things. */
const shared = [
  "/api/v1/squads",
  "/api/v1/tasks?pageSize=50",
  "/api/v1/executions",
  "/api/v1/dashboard",
  "/api/v1/notifications",
  "/api/v1/projects",
  "/api/v1/me",
];
const single = (random: Random, { squads, tasks, executions }: Person): string =>
  random.pick([
    `/api/v1/squads/${random.pick(squads)}`,
    `/api/v1/tasks/${random.pick(tasks)}`,
    `/api/v1/executions/${random.pick(executions)}`,
    `/api/v1/executions/${random.pick(executions)}/messages`,
  ]);

interface Ask {
  who: 0 | 1;
  at: 0 | 1;
  method: "GET" | "PATCH" | "POST";
  url: string;
  body?: unknown;
  /** The other's thing: nothing of it may come. */
  foreign?: boolean;
  headers: Record<string, string>;
}

function planRead(random: Random, who: 0 | 1): Ask {
  const [me, other] = [people[who], people[1 - who] as Person];
  const foreign = random.next() < 0.1;
  const url = foreign ? single(random, other) : random.next() < 0.6 ? random.pick(shared) : single(random, me);
  // Tags of this address: own, the other's, or both in one header.
  const tags = [me, other].map((one) => random.pick([undefined, ...(one.given.get(url)?.keys() ?? [])]));
  const sent = random.pick([[], [tags[0]], [tags[1]], tags]).filter((tag) => tag !== undefined);
  const credential = random.next() < 0.5 ? { cookie: me.cookie } : { authorization: `Bearer ${me.token}` };
  const condition: Record<string, string> = sent.length > 0 ? { "if-none-match": sent.join(", ") } : {};
  return {
    who,
    at: random.next() < 0.5 ? 0 : 1,
    method: "GET",
    url,
    foreign,
    headers: { ...credential, ...condition },
  };
}

let version = 0;

function planWrite(random: Random, who: 0 | 1): Ask {
  const me = people[who];
  const write = { who, at: (random.next() < 0.5 ? 0 : 1) as 0 | 1, headers: { authorization: `Bearer ${me.token}` } };
  const text = `${me.mark} v${++version}`;
  if (random.next() < 0.1) return { ...write, method: "POST", url: "/api/v1/notifications/read", body: {} };
  return random.next() < 0.5
    ? { ...write, method: "PATCH", url: `/api/v1/squads/${random.pick(me.squads)}`, body: { name: text } }
    : { ...write, method: "PATCH", url: `/api/v1/tasks/${random.pick(me.tasks)}`, body: { title: text } };
}

/** 2 to 8 requests of both, at most one write of each among them. */
function planInterleaving(random: Random): Ask[] {
  const asks = ([0, 1] as const).map((who) => (random.next() < 0.15 ? planWrite(random, who) : planRead(random, who)));
  for (let more = Math.floor(random.next() * random.next() * 7); more > 0; more--)
    asks.push(planRead(random, random.next() < 0.5 ? 0 : 1));
  return asks.sort(() => random.next() - 0.5);
}

const counts = { reads: 0, writes: 0, notModified: 0, foreign: 0 };

/** Everything that must hold of an answer; `answered` as it was when the request was sent. */
async function play(ask: Ask, what: string): Promise<void> {
  const me = people[ask.who];
  const answered = new Map(me.answered);
  const response = await request(`${origins[ask.at]}${ask.url}`, {
    dispatcher: agent,
    method: ask.method,
    headers: { ...ask.headers, ...(ask.body === undefined ? {} : { "content-type": "application/json" }) },
    body: ask.body === undefined ? null : JSON.stringify(ask.body),
  });
  const text = await response.body.text();
  const where = `${what}: ${ask.method} ${ask.url} of ${me.mark} at ${ask.at} (${JSON.stringify(ask.headers)})`;
  assertOwn(text, ask.who, where);
  if (ask.foreign) {
    counts.foreign++;
    assert.equal(response.statusCode, 404, `${where}: ${response.statusCode}`);
    return;
  }
  if (ask.method !== "GET") {
    counts.writes++;
    assert.equal(response.statusCode, 200, `${where}: ${text}`);
    for (const thing of thingsOf(JSON.parse(text))) me.answered.set(thing.id, thing.version);
    return;
  }
  counts.reads++;
  const given = me.given.get(ask.url) ?? new Map<string, string>();
  me.given.set(ask.url, given);
  const etag = String(response.headers.etag);
  assert.ok(etag.startsWith('W/"'), `${where}: ETag ${etag}`);
  if (response.statusCode === 304) {
    counts.notModified++;
    assert.equal(text, "", where);
    assert.ok(ask.headers["if-none-match"]?.includes(etag), `${where}: 304 for ${etag}, which was not sent`);
    assert.ok(given.has(etag), `${where}: 304 for ${etag}, a body that this caller was never given`);
  } else {
    assert.equal(response.statusCode, 200, `${where}: ${text}`);
    assert.ok(text.includes(me.mark) || ask.url.endsWith("/messages"), `${where}: nothing of the caller's in ${text}`);
    assert.equal(given.get(etag) ?? text, text, `${where}: two bodies under one tag`);
    given.set(etag, text);
  }
  for (const { id, version } of thingsOf(JSON.parse(given.get(etag) as string))) {
    const least = answered.get(id) ?? 0;
    assert.ok(version >= least, `${where}: ${response.statusCode} shows ${id} as of ${version}, ${least} was answered`);
  }
}

function assertOwn(text: string, who: 0 | 1, where: string): void {
  const other = people[1 - who] as Person;
  assert.ok(!text.includes(other.mark), `${where}: a name of the other's in ${text}`);
  for (const [id] of text.matchAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g)) {
    assert.ok(!other.owned.has(id), `${where}: ${id} of the other's in ${text}`);
  }
}

/** The squads and tasks of an answer with the version in their name; the goal of an execution's copy is no such thing. */
// biome-ignore lint/suspicious/noExplicitAny: answers of every shape
function thingsOf(body: any): { id: string; version: number }[] {
  const all = [body.squad, body.task, ...(body.data ?? []), ...(body.squads?.data ?? [])];
  return all.flatMap((one) => {
    const number = /-owns-this v(\d+)$/.exec(one?.name ?? one?.title ?? "")?.[1];
    return number === undefined ? [] : [{ id: one.id as string, version: Number(number) }];
  });
}

test("1,000 random interleavings of two users over sockets: own things only, own 304 only, nothing old", async () => {
  const seed = Number(process.env.TEST_SEED ?? Math.floor(Math.random() * 1e9));
  const random = createRandom(seed);
  for (let number = 0; number < interleavings; number++) {
    const what = `TEST_SEED=${seed}, interleaving ${number}`;
    const played = await Promise.allSettled(planInterleaving(random).map((ask) => play(ask, what)));
    // All of them are over before anything is told, so that nothing runs on behind a failed test.
    for (const one of played) if (one.status === "rejected") throw one.reason;
  }
  // Without these it was not what it says.
  assert.ok(counts.reads > 2_000 && counts.writes > 150, JSON.stringify(counts));
  assert.ok(counts.notModified > 100 && counts.foreign > 100, JSON.stringify(counts));
  const texts = await Promise.all(apis.map(({ deps }) => deps.metrics.text()));
  for (const cache of ["responses", "responses_redis"]) {
    const hits = texts.map((text) =>
      Number(new RegExp(`cache_requests_total\\{cache="${cache}",result="hit"\\} (\\d+)`).exec(text)?.[1] ?? 0),
    );
    assert.ok(
      hits.every((count) => count > 50),
      `${cache}: ${hits.join(" and ")} hits`,
    );
  }
});
