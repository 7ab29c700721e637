import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import type { AnyRoute } from "#http";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { createUser, type TestUser } from "../support/api-client.ts";
import { fillUser, type OwnIds } from "../support/filled-user.ts";

// What the table of routes promises of its reads: entity tags everywhere, and how long answers are kept.

let api: TestApi;
let user: TestUser;
let own: OwnIds;

before(async () => {
  api = await startTestApi();
  user = await createUser(api.app, api.database.db, { role: "owner" });
  own = await fillUser(api, user, 2);
});
after(() => api.close());

const isJson = (route: AnyRoute): boolean =>
  route.method === "GET" && (route.stream === undefined || route.stream === "application/json");

/** Queries without which a route refuses to answer. */
const neededQuery: Record<string, string> = { listFileVersions: "?path=a.md" };

const pathOf = (route: AnyRoute): string =>
  route.path.replace(/:(\w+)Id\b/g, (_, name: string) => own[name] ?? "") + (neededQuery[route.operationId] ?? "");

/** Asked for because of what is true this moment: never kept by anyone (`no-store`). */
const ofThisMoment = new Set(["readLiveness", "readReadiness"]);

test("every GET of JSON has an entity tag and answers 304 to it, and to that one only", async () => {
  const tried: string[] = [];
  for (const route of api.app.routeTable.filter(isJson)) {
    const path = pathOf(route);
    const first = await user.call("GET", path);
    assert.equal(first.status, 200, `${path} ${JSON.stringify(first.body)}`);
    if (ofThisMoment.has(route.operationId)) {
      assert.deepEqual([first.headers.etag, first.headers["cache-control"]], [undefined, "no-store"], path);
      continue;
    }
    const etag = String(first.headers.etag);
    assert.match(etag, /^W\/"[\w-]{20,}"$/, path);
    const other = await user.call("GET", path, undefined, { "if-none-match": 'W/"another"' });
    assert.equal(other.status, 200, path);
    // Its figures are another's a moment later: a tag that is still right cannot be had from outside.
    if (route.operationId === "readPerformance") continue;
    const again = await user.call("GET", path, undefined, { "if-none-match": `W/"another", ${etag}` });
    assert.deepEqual([again.status, again.body, again.headers.etag], [304, "", etag], path);
    tried.push(route.operationId);
  }
  assert.ok(tried.length >= 40, `${tried.length}: ${tried.join()}`);
});

test("the API's description is the same text compressed, and HEAD tells its length", async () => {
  const plain = await api.app.inject({ method: "GET", url: "/openapi.json" });
  assert.equal(JSON.parse(plain.body).openapi, "3.1.0");
  const headers = { "accept-encoding": "br" };
  let small = await api.app.inject({ method: "GET", url: "/openapi.json", headers });
  // Brotli is made aside, for those who come later.
  for (let attempt = 0; attempt < 10_000 && small.headers["content-encoding"] !== "br"; attempt++) {
    await new Promise((resolve) => setImmediate(resolve));
    small = await api.app.inject({ method: "GET", url: "/openapi.json", headers });
  }
  assert.deepEqual(brotliDecompressSync(small.rawPayload), plain.rawPayload);
  const head = await api.app.inject({ method: "HEAD", url: "/openapi.json" });
  assert.deepEqual([head.statusCode, head.body], [200, ""]);
  assert.equal(head.headers["content-length"], plain.headers["content-length"]);
});

/** Kept for 300 s though a list: what is in them changes only with the program, or is told by a tag of its own execution. */
const listsOfSingleThings: Record<string, string> = {
  listSquadTemplates: "comes with the program",
  listRoles: "comes with the program",
  listTools: "comes with the program",
  listProviderPresets: "comes with the program",
  listMessages: "part of one execution, invalidated by its tag",
  listLlmCalls: "part of one execution, invalidated by its tag",
};
/** Kept for 60 s though one object: made of many things, as a list is. */
const manyThingsInOne: Record<string, string> = {
  readMe: "carries the number of unread notifications",
  readDashboard: "is seven lists and sums",
  summarizeUsage: "sums over a time that goes on",
};

test("lists are kept for 60 s and single objects for 300 s, for each caller", () => {
  const kept = api.app.routeTable.filter((route) => route.cache !== undefined);
  const unmet = new Set([...Object.keys(listsOfSingleThings), ...Object.keys(manyThingsInOne)]);
  for (const { operationId, path, cache, policy, answer } of kept) {
    const isList = "data" in ((answer as { properties?: object } | null)?.properties ?? {});
    const seconds = unmet.delete(operationId) ? (operationId in listsOfSingleThings ? 300 : 60) : isList ? 60 : 300;
    assert.equal(cache?.seconds, seconds, `${path} (${operationId})`);
    assert.equal(policy, "user", path);
  }
  assert.deepEqual([...unmet], [], "exceptions that are none");
  assert.ok(kept.length >= 20, String(kept.length));
});

test("the pages of /docs have entity tags too, and are packed where they are large", async () => {
  for (const [url, encoding] of [
    ["/docs", undefined],
    ["/docs/errors", "gzip"],
  ] as const) {
    const headers = { "accept-encoding": "gzip" };
    const first = await api.app.inject({ method: "GET", url, headers });
    assert.deepEqual([first.statusCode, first.headers["content-encoding"]], [200, encoding], url);
    assert.equal(first.headers.vary, "Accept-Encoding");
    const html = encoding === undefined ? first.rawPayload : gunzipSync(first.rawPayload);
    assert.match(html.toString(), /^<!doctype html>/);
    const again = await api.app.inject({
      method: "GET",
      url,
      headers: { "if-none-match": String(first.headers.etag) },
    });
    assert.deepEqual([again.statusCode, again.body, again.headers.etag], [304, "", first.headers.etag], url);
  }
});
