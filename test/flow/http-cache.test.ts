import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { createUser, type TestUser } from "../support/api-client.ts";

let api: TestApi;
let users: [TestUser, TestUser];

before(async () => {
  api = await startTestApi();
  users = [await createUser(api.app, api.database.db), await createUser(api.app, api.database.db)];
  for (const user of users) {
    for (let index = 0; index < 4; index++) await user.call("POST", "/api/v1/squads", { template: "pair" });
  }
});
after(() => api.close());

/** A random source that can be replayed (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

test("a repeated read comes from the cache, with 304 for who has it already", async () => {
  const [user] = users;
  const first = await user.call("GET", "/api/v1/squads");
  const { etag } = first.headers;
  assert.match(String(etag), /^W\/"/);
  assert.equal(first.headers["cache-control"], "private, no-cache");
  const again = await user.call("GET", "/api/v1/squads");
  assert.deepEqual([again.headers.etag, again.body], [etag, first.body]);
  const revalidated = await user.call("GET", "/api/v1/squads", undefined, { "if-none-match": String(etag) });
  assert.deepEqual([revalidated.status, revalidated.body], [304, ""]);
  const metrics = await api.deps.metrics.text();
  assert.match(metrics, /cache_requests_total\{cache="responses",result="hit"\} [1-9]/);
});

test("compressed answers are the same answer; small ones and streams are not compressed", async () => {
  const [user] = users;
  const get = (encoding: string) =>
    api.app.inject({
      method: "GET",
      url: "/api/v1/squads",
      headers: { authorization: `Bearer ${user.token}`, "accept-encoding": encoding },
    });
  const plain = await get("identity");
  assert.ok(plain.rawPayload.length > 1_024);
  const gzip = await get("gzip");
  assert.equal(gzip.headers["content-encoding"], plain.headers["content-encoding"] ?? gzip.headers["content-encoding"]);
  const decoded = gzip.headers["content-encoding"] === "gzip" ? gunzipSync(gzip.rawPayload) : gzip.rawPayload;
  assert.deepEqual(decoded, plain.rawPayload);
  assert.equal((await get("gzip;q=0, identity")).headers["content-encoding"], undefined);
  assert.match(String(gzip.headers.vary), /Accept-Encoding/);
  // Brotli is made aside: it is there for a later request.
  for (let attempt = 0; attempt < 200; attempt++) {
    const br = await get("br");
    if (br.headers["content-encoding"] !== "br") {
      await new Promise((resolve) => setImmediate(resolve));
      continue;
    }
    assert.deepEqual(brotliDecompressSync(br.rawPayload), plain.rawPayload);
    return;
  }
  assert.fail("no Brotli form after 200 requests");
});

test("1,000 random interleavings of two users: nobody sees the other's page, a 304 or an old state", async () => {
  const seed = Number(process.env.TEST_SEED ?? Math.floor(Math.random() * 1e9));
  const next = random(seed);
  const model = await Promise.all(
    users.map(async (user) => {
      const { data } = (await user.call("GET", "/api/v1/squads?pageSize=100")).body;
      return new Map<string, string>(data.map((squad: { id: string; name: string }) => [squad.id, squad.name]));
    }),
  );
  const etags: (string | undefined)[] = [undefined, undefined];
  const step = async (number: number): Promise<void> => {
    const who = next() < 0.5 ? 0 : 1;
    const user = users[who] as TestUser;
    const mine = model[who] as Map<string, string>;
    const what = `seed ${seed}, step ${number}`;
    if (next() < 0.15) {
      const id = [...mine.keys()][Math.floor(next() * mine.size)] as string;
      const name = `Name ${number}`;
      const changed = await user.call("PATCH", `/api/v1/squads/${id}`, { name });
      assert.equal(changed.status, 200, what);
      mine.set(id, name);
      return;
    }
    // Half of the reads carry the other's entity tag.
    const tag = etags[next() < 0.5 ? who : 1 - who];
    const answer = await user.call(
      "GET",
      "/api/v1/squads?pageSize=100",
      undefined,
      tag ? { "if-none-match": tag } : {},
    );
    if (answer.status === 304) {
      assert.equal(answer.headers.etag, etags[who], `${what}: a 304 for a tag that is not this user's latest`);
      return;
    }
    const seen = new Map(answer.body.data.map((squad: { id: string; name: string }) => [squad.id, squad.name]));
    assert.deepEqual(seen, mine, what);
    etags[who] = String(answer.headers.etag);
  };
  for (let number = 0; number < 1_000; number++) await step(number);
});

test("readers beside a writer never see an older state after a newer one, nor one older than a finished write", async () => {
  const [user] = users;
  const { data } = (await user.call("GET", "/api/v1/squads?pageSize=1")).body;
  const url = `/api/v1/squads/${data[0].id}`;
  await user.call("PATCH", url, { goal: "0" });
  let written = 0;
  let stop = false;
  const readers = Array.from({ length: 8 }, async () => {
    let seen = 0;
    while (!stop) {
      const atLeast = written;
      const answer = await user.call("GET", url);
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      const number = Number(answer.body.squad.goal || 0);
      assert.ok(number >= atLeast, `read ${number} after ${atLeast} was written`);
      assert.ok(number >= seen, `read ${number} after ${seen} was read`);
      seen = number;
      // Readers that never let go would keep the writer's own work from being done.
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
  for (let number = 1; number <= 60; number++) {
    await user.call("PATCH", url, { goal: String(number) });
    written = number;
  }
  stop = true;
  await Promise.all(readers);
});
