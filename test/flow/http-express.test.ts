import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { createUser, signInCookie, type TestUser } from "../support/api-client.ts";
import { createTestDatabase } from "../support/database.ts";

let api: TestApi;
let origin: string;

before(async () => {
  api = await startTestApi({
    deps: { limits: { perCaller: { perSecond: 0.001, burst: 600 } } },
  });
  origin = await api.app.listen({ host: "127.0.0.1", port: 0 });
});
after(() => api.close());

const page = "/api/v1/squads";

/** Over a socket, since what is tested stands before the framework. */
const get = (user: Pick<TestUser, "token"> | null, url: string, headers: Record<string, string> = {}, method = "GET") =>
  getAt(origin, user, url, headers, method);

async function getAt(
  at: string,
  user: Pick<TestUser, "token"> | null,
  url: string,
  headers: Record<string, string>,
  method: string,
): Promise<{ status: number; body: string; headers: Headers }> {
  const authorization: Record<string, string> = user === null ? {} : { authorization: `Bearer ${user.token}` };
  const response = await fetch(`${at}${url}`, { method, headers: { ...authorization, ...headers } });
  return { status: response.status, body: await response.text(), headers: response.headers };
}

async function userWithSquads(count: number): Promise<TestUser> {
  const user = await createUser(api.app, api.database.db);
  for (let index = 0; index < count; index++) await user.call("POST", page, { template: "pair" });
  return user;
}

async function hits(): Promise<number> {
  const text = await api.deps.metrics.text();
  return Number(/cache_requests_total\{cache="responses",result="hit"\} (\d+)/.exec(text)?.[1] ?? 0);
}

test("kept answers over the socket are those of the ordinary way, headers and all, and are counted", async () => {
  const user = await userWithSquads(3);
  const first = await get(user, page);
  const before = await hits();
  const again = await get(user, page);
  const inTree = await user.call("GET", page);
  assert.equal((await hits()) - before, 2);
  assert.deepEqual([again.status, again.body], [200, first.body]);
  assert.deepEqual(JSON.parse(again.body), inTree.body);
  const names = ["content-type", "cache-control", "vary", "etag", "content-security-policy", "x-content-type-options"];
  for (const name of names) assert.equal(again.headers.get(name), inTree.headers[name] ?? null, name);
  const etag = String(again.headers.get("etag"));
  const revalidated = await get(user, page, { "if-none-match": etag });
  assert.deepEqual([revalidated.status, revalidated.body, revalidated.headers.get("etag")], [304, "", etag]);
  assert.deepEqual([(await get(user, page, {}, "HEAD")).body, (await get(user, `${page}?page=2`)).status], ["", 200]);
});

test("a kept answer that was asked for plainly is compressed for the next who takes compressed ones", async () => {
  const user = await userWithSquads(3);
  await get(user, page, { "accept-encoding": "identity" });
  for (const encoding of ["gzip", "br, gzip"]) {
    const { headers } = await get(user, page, { "accept-encoding": encoding });
    assert.match(String(headers.get("content-encoding")), /^(gzip|br)$/, encoding);
  }
  assert.equal((await get(user, page, { "accept-encoding": "identity" })).headers.get("content-encoding"), null);
});

test("where room is scarce, a large answer that is read again is kept compressed only, and is the same text for every client", async (t) => {
  const small = await startTestApi({ beside: api, cacheBytes: 200_000 });
  t.after(() => small.close());
  const smallOrigin = await small.app.listen({ host: "127.0.0.1", port: 0 });
  const user = await userWithSquads(12);
  const { answers, isRoomScarce } = small.deps.cache;
  for (let number = 0; !isRoomScarce(); number++) {
    const other = Buffer.alloc(20_000);
    await answers.get(`other ${number}`, { ttlMs: 60_000, tags: [] }, async () => ({
      ...{ etag: `W/"${number}"`, contentType: "text/plain", length: other.length, identity: other, headers: {} },
    }));
  }
  const url = `${page}?pageSize=50`;
  const get = (headers: Record<string, string>, method = "GET") => getAt(smallOrigin, user, url, headers, method);
  const before = answers.size().bytes;
  const first = await get({ "accept-encoding": "identity" });
  assert.ok(first.body.length > 4_096, `${first.body.length} characters`);
  assert.ok(answers.size().bytes - before >= first.body.length, "read once, it may never be asked for again");
  await get({ "accept-encoding": "identity" });
  while (answers.size().bytes - before >= first.body.length) await new Promise(setImmediate);
  // Brotli is made of what is asked for again.
  while ((await get({ "accept-encoding": "br" })).headers.get("content-encoding") !== "br") await delay(1);
  for (const encoding of ["identity", "gzip", "br", "gzip, deflate, br", "identity", "gzip"]) {
    const got = await get({ "accept-encoding": encoding });
    assert.deepEqual([got.status, got.body, got.headers.get("etag")], [200, first.body, first.headers.get("etag")]);
    const sentAs = encoding === "identity" ? null : encoding.includes("br") ? "br" : "gzip";
    assert.equal(got.headers.get("content-encoding"), sentAs, encoding);
  }
  const etag = String(first.headers.get("etag"));
  assert.equal((await get({ "if-none-match": etag, "accept-encoding": "identity" })).status, 304);
  assert.equal((await get({ "accept-encoding": "identity" }, "HEAD")).status, 200);
});

test("one address, two users: each gets their own, and nobody reads behind their own write", async () => {
  const users = [await userWithSquads(2), await userWithSquads(2)] as const;
  const own = users.map(() => new Set<string>());
  for (const [index, user] of users.entries()) {
    for (const { id } of JSON.parse((await get(user, page)).body).data) own[index]?.add(id);
  }
  for (let round = 0; round < 60; round++) {
    const index = round % 2;
    const user = users[index] as TestUser;
    if (round % 7 === 0) {
      const { squad } = (await user.call("POST", page, { template: "pair" })).body;
      own[index]?.add(squad.id);
    }
    const { data } = JSON.parse((await get(user, page)).body);
    assert.deepEqual(new Set(data.map((squad: { id: string }) => squad.id)), own[index], `round ${round}`);
  }
});

test("a credential that was revoked or never was gets nothing of what is kept", async () => {
  const user = await userWithSquads(1);
  const cookie = await signInCookie(api.app, user.email);
  for (let index = 0; index < 3; index++) {
    assert.equal((await get(user, page)).status, 200);
    assert.equal((await get(null, page, { cookie })).status, 200);
  }
  assert.equal((await get({ token: `${user.token}x` }, page)).status, 401);
  assert.equal(
    (await get({ token: "mst_wrong" }, page, { cookie })).status,
    401,
    "a bad key is not made good by a cookie",
  );
  assert.equal((await get(null, page)).status, 401);
  const revoked = await api.app.inject({
    method: "DELETE",
    url: `/api/v1/api-keys/${user.apiKeyId}`,
    headers: { cookie },
  });
  assert.equal(revoked.statusCode, 204);
  assert.equal((await get(user, page)).status, 401);
  assert.equal((await get(null, page, { cookie })).status, 200);
  await api.app.inject({ method: "POST", url: "/api/v1/auth/sign-out", headers: { cookie } });
  assert.equal((await get(null, page, { cookie })).status, 401);
});

test("kept answers count against the caller's rate", async () => {
  const user = await userWithSquads(1);
  let refused = 0;
  for (let index = 0; index < 610; index++) if ((await get(user, page)).status === 429) refused++;
  assert.ok(refused >= 10 && refused <= 12, String(refused));
});

test("a server that closes does not answer from the lane any more", async () => {
  const other = await startTestApi({ beside: api });
  try {
    const user = await userWithSquads(1);
    const at = await other.app.listen({ host: "127.0.0.1", port: 0 });
    const headers = { authorization: `Bearer ${user.token}` };
    for (let index = 0; index < 3; index++) await (await fetch(`${at}${page}`, { headers })).text();
    await other.app.close();
    await assert.rejects(fetch(`${at}${page}`, { headers }));
  } finally {
    await other.close();
  }
});

test("a process with too much to do refuses over the socket with a reason, and keeps what tells how it is", async () => {
  const busy = await startTestApi({ beside: api, deps: { limits: { maxInFlight: 0 } } });
  try {
    const at = await busy.app.listen({ host: "127.0.0.1", port: 0 });
    const user = await createUser(api.app, api.database.db);
    const headers = { authorization: `Bearer ${user.token}`, "content-type": "application/json" };
    for (let round = 0; round < 3; round++) {
      const read = await fetch(`${at}${page}`, { headers });
      assert.deepEqual([read.status, read.headers.get("retry-after")], [503, "1"]);
      assert.equal(read.headers.get("content-type"), "application/problem+json");
      const { code, status, instance } = (await read.json()) as Record<string, unknown>;
      assert.deepEqual([code, status, typeof instance], ["unavailable", 503, "string"]);
      const body = JSON.stringify({ template: "pair", goal: "x".repeat(50_000) });
      const write = await fetch(`${at}${page}`, { method: "POST", headers, body });
      assert.equal(write.status, 503);
      await write.body?.cancel();
      const openAi = await fetch(`${at}/v1/models`, { headers });
      assert.equal(openAi.status, 503);
      assert.equal(((await openAi.json()) as { error: { code: string } }).error.code, "unavailable");
    }
    for (const path of ["/health/live", "/metrics"]) assert.equal((await fetch(`${at}${path}`)).status, 200, path);
    const lines = busy.logged.filter((line) => line.includes("more to do than it can"));
    assert.ok(lines.length >= 1 && lines.length < 9, `${lines.length} lines for 9 refusals`);
  } finally {
    await busy.close();
  }
});

test("while callers wait for the database's connections, further ones are refused at once", async () => {
  const database = await createTestDatabase({ poolMin: 1, poolMax: 1 });
  const busy = await startTestApi({ database, deps: { limits: { maxPoolWaiting: 0 } } });
  try {
    const at = await busy.app.listen({ host: "127.0.0.1", port: 0 });
    const user = await createUser(busy.app, database.db);
    let release = (): void => undefined;
    const held = database.db.transaction(() => new Promise<void>((resolve) => (release = resolve)));
    const headers = { authorization: `Bearer ${user.token}` };
    const first = fetch(`${at}${page}`, { headers });
    while (database.db.poolState().waiting === 0) await delay(1);
    const second = await fetch(`${at}/api/v1/projects`, { headers });
    release();
    await held;
    assert.deepEqual([second.status, second.headers.get("retry-after")], [503, "1"]);
    assert.equal((await first).status, 200);
    assert.equal((await fetch(`${at}/api/v1/projects`, { headers })).status, 200);
  } finally {
    await busy.close();
  }
});
