import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { brotliCompressSync, gunzipSync } from "node:zlib";
import { buildFirstView, firstViewFile } from "../../scripts/build-first-view.js";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { call, createUser, signInCookie, type TestUser } from "../support/api-client.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const inline = "document.title = 'ready'";
const page = (title: string) =>
  `<!doctype html><head><title>${title}</title><script id="muster-data" type="application/json">{}</script>` +
  `<script>${inline}</script><script src="/_next/static/a-123.js"></script></head>` +
  `<main><div data-first-view="" class="contents" inert="">Waiting<div></div></div><template data-first-view-end=""></template></main>`;
const table = {
  frameData: "/api/v1/me",
  publicPages: "^/(sign-in|claim)$",
  pages: [{ page: "^/squads/([0-9a-f-]{36})$", urls: ["/api/v1/squads/$1", "/api/v1/roles"] }],
};

const folder = temporaryFolder();
let api: TestApi;
let user: TestUser;
let cookie: string;

before(async () => {
  const script = "x".repeat(2_000);
  const files: Record<string, string | Buffer> = {
    "index.html": page("Home"),
    "404.html": page("Lost"),
    "sign-in.html": page("Sign in"),
    "squads/_.html": page("Squad"),
    "squads/_.txt": "rsc of a squad",
    "first-data.json": JSON.stringify(table),
    "icon.svg": "<svg/>",
    "_next/static/a-123.js": script,
    "_next/static/a-123.js.br": brotliCompressSync(script),
  };
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder.path, name, ".."), { recursive: true });
    writeFileSync(join(folder.path, name), content);
  }
  await buildFirstView(folder.path);
  api = await startTestApi({ deps: { webRoot: folder.path } });
  user = await createUser(api.app, api.database.db);
  cookie = await signInCookie(api.app, user.email);
});
after(async () => {
  await api.close();
  await folder.remove();
});

const get = (url: string, headers: Record<string, string> = {}) => call(api.app, "GET", url, { headers });

/** What the server wrote into a page. */
function dataOf(html: string): Record<string, unknown> {
  return JSON.parse(/<script id="muster-data"[^>]*>(.*?)<\/script>/s.exec(html)?.[1] ?? "null");
}

test("pages, the placeholder for ids, files of the placeholder, and the UI's own 404", async () => {
  const id = "01a20a40-859f-7773-8f11-eb6d99f9bf72";
  const shown = async (url: string) => {
    const answer = await get(url);
    return [answer.status, /<title>(.*?)</.exec(answer.body)?.[1] ?? answer.body];
  };
  assert.deepEqual(await shown("/"), [200, "Home"]);
  assert.deepEqual(await shown("/sign-in"), [200, "Sign in"]);
  assert.deepEqual(await shown(`/squads/${id}`), [200, "Squad"]);
  assert.deepEqual(await shown(`/squads/${id}.txt`), [200, "rsc of a squad"]);
  assert.deepEqual(await shown("/squads/not-an-id"), [404, "Lost"]);
  assert.deepEqual(await shown("/../../etc/passwd"), [404, "Lost"]);
  assert.deepEqual(await shown("/%2e%2e/%2e%2e/etc/passwd"), [404, "Lost"]);
  assert.equal((await get("/api/v1/nothing")).body.code, "not_found");
});

test("scripts that stand in a page are allowed by their hash and nothing else is", async () => {
  const { headers } = await get("/");
  const csp = String(headers["content-security-policy"]);
  assert.ok(csp.includes(`'sha256-${createHash("sha256").update(inline).digest("base64")}'`));
  assert.match(csp, /script-src 'self' 'sha256-[^;]*'(;|$)/);
  assert.doesNotMatch(csp.split("style-src")[0] ?? "", /unsafe-inline|unsafe-eval/);
  assert.equal(headers["x-frame-options"], "DENY");
});

test("the icon is there by the name that browsers ask for unasked", async () => {
  const { status, headers, body } = await get("/favicon.ico");
  assert.deepEqual([status, headers["content-type"], String(body)], [200, "image/svg+xml", "<svg/>"]);
});

test("hashed files never change; ready-made Brotli is sent; an entity tag gives 304", async () => {
  const plain = await get("/_next/static/a-123.js");
  assert.equal(plain.headers["cache-control"], "public, max-age=31536000, immutable");
  const br = await get("/_next/static/a-123.js", { "accept-encoding": "gzip, br" });
  assert.equal(br.headers["content-encoding"], "br");
  const again = await get("/_next/static/a-123.js", { "if-none-match": String(plain.headers.etag) });
  assert.equal(again.status, 304);
});

/** A page is not held up for data that is late, so on a busy machine it may come without: asked again, it has it. */
async function getWithData(url: string, of: string, keys: string[]) {
  for (let attempt = 1; ; attempt++) {
    const answer = await get(url, { cookie: of });
    if (attempt === 20 || Object.keys(dataOf(answer.body)).length >= keys.length) {
      assert.deepEqual(Object.keys(dataOf(answer.body)), keys);
      return answer;
    }
  }
}

test("a page carries its first data for who is signed in, and only for them", async () => {
  const created = await user.call("POST", "/api/v1/squads", {
    template: "pair",
    name: "</script><script>alert(1)</script>",
  });
  const { id } = created.body.squad;
  const url = `/squads/${id}`;
  const mine = await getWithData(url, cookie, ["/api/v1/me", `/api/v1/squads/${id}`, "/api/v1/roles"]);
  const data = dataOf(mine.body);
  assert.equal(
    (data[`/api/v1/squads/${id}`] as { squad: { name: string } }).squad.name,
    "</script><script>alert(1)</script>",
  );
  assert.ok(!mine.body.includes("<script>alert"));
  assert.match(String(mine.headers.vary), /Cookie/);
  assert.equal(mine.headers["cache-control"], "private, no-cache");
  assert.deepEqual(dataOf((await get(url)).body), {});
  assert.deepEqual(dataOf((await get("/sign-in", { cookie })).body), {});
  assert.deepEqual(dataOf((await get(url, { cookie: "__Host-muster_session=forged" })).body), {});
  const stranger = await signInCookie(api.app, (await createUser(api.app, api.database.db)).email);
  await getWithData(url, stranger, ["/api/v1/me", "/api/v1/roles"]);
  const compressed = await api.app.inject({ method: "GET", url, headers: { cookie, "accept-encoding": "gzip" } });
  assert.equal(compressed.headers["content-encoding"], "gzip");
  assert.ok(gunzipSync(compressed.rawPayload).includes("muster-data"));
  const tag = String(mine.headers.etag);
  assert.equal((await get(url, { cookie, "if-none-match": tag })).status, 304);
});

/** What stands in the place of the first view. */
function firstViewOf(html: string): string {
  return /<div data-first-view=""[^>]*>([\s\S]*)<\/div><template data-first-view-end="">/.exec(html)?.[1] ?? "no place";
}

test("a page carries its content drawn, with all text escaped, for who may see it and nobody else", async () => {
  const name = "<img src=x onerror=alert(1)> Night desk";
  const created = await user.call("POST", "/api/v1/squads", { template: "pair", name });
  const url = `/squads/${created.body.squad.id}`;
  const mine = await getWithData(url, cookie, ["/api/v1/me", `/api/v1${url}`, "/api/v1/roles"]);
  const drawn = firstViewOf(mine.body);
  assert.match(drawn, /<h1[^>]*>&lt;img src=x onerror=alert\(1\)&gt; Night desk<\/h1>/);
  assert.ok(!drawn.includes("<img src=x"));
  const stranger = await signInCookie(api.app, (await createUser(api.app, api.database.db)).email);
  const theirs = await getWithData(url, stranger, ["/api/v1/me", "/api/v1/roles"]);
  assert.ok(!theirs.body.includes("Night desk"));
  assert.equal(firstViewOf((await get(url)).body), "Waiting<div></div>");
  assert.equal(firstViewOf((await get(`${url}?x=1`, { cookie })).body), "Waiting<div></div>");
  assert.equal((await get(`/${firstViewFile}`, { cookie })).status, 404);
});

for (const [what, bundle, why] of [
  ["drawn", "module.exports = { prepare: async () => {}, render: () => { throw new Error('no pen') } };", /no pen/],
  ["loaded", "throw new Error('no ink');", /no ink/],
] as const)
  test(`a page whose first view cannot be ${what} goes out with its waiting shape and its data, and the log says why`, () =>
    assertWithoutFirstView(bundle, why));

async function assertWithoutFirstView(bundle: string, why: RegExp): Promise<void> {
  const broken = temporaryFolder();
  mkdirSync(join(broken.path, "squads"), { recursive: true });
  writeFileSync(join(broken.path, "squads/_.html"), page("Squad"));
  writeFileSync(join(broken.path, "first-data.json"), JSON.stringify(table));
  writeFileSync(join(broken.path, firstViewFile), bundle);
  const other = await startTestApi({ deps: { webRoot: broken.path } });
  try {
    const someone = await createUser(other.app, other.database.db);
    const { squad } = (await someone.call("POST", "/api/v1/squads", { template: "pair" })).body;
    const answer = await call(other.app, "GET", `/squads/${squad.id}`, {
      headers: { cookie: await signInCookie(other.app, someone.email) },
    });
    assert.equal(answer.status, 200);
    assert.equal(firstViewOf(answer.body), "Waiting<div></div>");
    assert.ok(dataOf(answer.body)["/api/v1/me"]);
    const logged = other.logged.join("");
    assert.match(logged, /first view could not be drawn/);
    assert.match(logged, why);
  } finally {
    await other.close();
    await broken.remove();
  }
}
