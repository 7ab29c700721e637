import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { createUser, type TestUser } from "../support/api-client.ts";

let api: TestApi;
let user: TestUser;

before(async () => {
  api = await startTestApi();
  user = await createUser(api.app, api.database.db);
  for (let index = 0; index < 4; index++) await user.call("POST", "/api/v1/squads", { template: "pair" });
});
after(() => api.close());

test("a repeated read comes from the cache, with 304 for who has it already", async () => {
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
  const get = (encoding: string, url = "/api/v1/squads") =>
    api.app.inject({
      method: "GET",
      url,
      headers: { authorization: `Bearer ${user.token}`, "accept-encoding": encoding },
    });
  const plain = await get("identity");
  assert.ok(plain.rawPayload.length > 1_024);
  assert.equal(plain.headers["content-encoding"], undefined);
  const gzip = await get("gzip");
  assert.equal(gzip.headers["content-encoding"], "gzip");
  assert.ok(gzip.rawPayload.length < plain.rawPayload.length / 2);
  assert.deepEqual(gunzipSync(gzip.rawPayload), plain.rawPayload);
  const small = await get("gzip, br", "/api/v1/me");
  assert.ok(small.rawPayload.length < 1_024);
  assert.deepEqual([small.statusCode, small.headers["content-encoding"]], [200, undefined]);
  const chat = await api.app.inject({
    method: "POST",
    url: "/api/v1/agent/chat/stream",
    headers: { authorization: `Bearer ${user.token}`, "accept-encoding": "gzip, br" },
    payload: { model: "test/echo", message: "word ".repeat(1_000) },
  });
  assert.match(String(chat.headers["content-type"]), /^text\/event-stream/);
  assert.ok(chat.rawPayload.length > 1_024);
  assert.equal(chat.headers["content-encoding"], undefined);
  assert.match(chat.body, /^data: /m);
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

test("readers beside a writer never see an older state after a newer one, nor one older than a finished write", async () => {
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
