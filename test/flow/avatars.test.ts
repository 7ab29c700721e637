import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { deflateSync } from "node:zlib";
import sharp from "sharp";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { createUser, type TestUser } from "../support/api-client.ts";

let api: TestApi;
let user: TestUser;
before(async () => {
  api = await startTestApi();
  user = await createUser(api.app, api.database.db);
});
after(() => api.close());

/** A photograph as a telephone makes it: lying, with where it was taken in its EXIF. */
function photograph(colour: string): Promise<Buffer> {
  return sharp({ create: { width: 900, height: 600, channels: 3, background: colour } })
    .jpeg()
    .withExif({ IFD0: { Copyright: "secret-owner" }, IFD3: { GPSLatitude: "59/1 20/1 0/1" } })
    .toBuffer();
}

const body = (picture: Buffer) => ({ imageBase64: picture.toString("base64") });

async function fetchPicture(from: TestUser, key: string, variant: string) {
  return api.app.inject({
    method: "GET",
    url: `/api/v1/avatars/${key.split(".")[0]}/${variant}`,
    headers: { authorization: `Bearer ${from.token}` },
  });
}

const keptRows = async () => {
  const { rows } = await api.database.db.pool.query("SELECT count(*)::int AS count FROM avatars WHERE user_id = $1", [
    user.id,
  ]);
  return rows[0].count;
};

test("an upload becomes square AVIF and WebP in three sizes without metadata, kept for good under its hash", async () => {
  const answer = await user.call("PUT", "/api/v1/me/avatar", body(await photograph("#a53")));
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  const key: string = answer.body.user.avatarKey;
  assert.match(key, /^[\w-]{22}\.[\w-]{40,240}$/);
  const miniature = await sharp(Buffer.from(key.split(".")[1] ?? "", "base64url")).metadata();
  assert.deepEqual([miniature.format, miniature.width], ["webp", 8]);
  for (const size of [40, 80, 160]) {
    for (const format of ["avif", "webp"]) {
      const picture = await fetchPicture(user, key, `${size}.${format}`);
      assert.equal(picture.statusCode, 200);
      assert.equal(picture.headers["content-type"], `image/${format}`);
      assert.equal(picture.headers["cache-control"], "private, max-age=31536000, immutable");
      assert.equal(picture.headers["x-content-type-options"], "nosniff");
      const facts = await sharp(picture.rawPayload).metadata();
      assert.deepEqual([facts.width, facts.height, facts.exif], [size, size, undefined]);
      assert.ok(!picture.rawPayload.includes("secret-owner"));
    }
  }
  assert.equal((await user.call("GET", "/api/v1/me")).body.user.avatarKey, key);
  const other = await createUser(api.app, api.database.db);
  assert.equal((await fetchPicture(other, key, "40.webp")).statusCode, 404);
  assert.equal((await fetchPicture(user, key, "41.webp")).statusCode, 400);
});

test("a new picture takes the place of the old one, and nothing is left of what nobody shows", async () => {
  const first = await user.call("PUT", "/api/v1/me/avatar", body(await photograph("#3a5")));
  assert.equal(await keptRows(), 6);
  const { squad } = (await user.call("POST", "/api/v1/squads", { template: "pair" })).body;
  const path = `/api/v1/squads/${squad.id}/members/${squad.members[0].id}/avatar`;
  const member = await user.call("PUT", path, body(await photograph("#3a5")));
  assert.equal(member.body.squad.members[0].avatarKey, first.body.user.avatarKey, "the same picture, the same hash");
  assert.equal(member.body.squad.updatedAt, squad.updatedAt, "a draft in the builder stays valid");
  const removed = await user.call("DELETE", "/api/v1/me/avatar");
  assert.equal(removed.body.user.avatarKey, null);
  assert.equal(await keptRows(), 6, "the member still shows it");
  const list = await user.call("GET", "/api/v1/squads");
  assert.equal(list.body.data[0].members[0].avatarKey, first.body.user.avatarKey);
  const renamed = await user.call("PATCH", `/api/v1/squads/${squad.id}/members/${squad.members[0].id}`, {
    name: "New",
  });
  assert.equal(renamed.body.squad.members[0].avatarKey, first.body.user.avatarKey, "an edit leaves it");
  const { task } = (await user.call("POST", "/api/v1/tasks", { title: "Do it", squadId: squad.id })).body;
  const { execution } = (await user.call("POST", `/api/v1/tasks/${task.id}/executions`, {})).body;
  const watched = await user.call("GET", `/api/v1/executions/${execution.id}`);
  assert.equal(watched.body.execution.squad.members[0].avatarKey, first.body.user.avatarKey);
  await user.call("DELETE", path);
  assert.equal(await keptRows(), 0);
});

/** A PNG of a few hundred bytes that says it is very large. */
function bomb(pixels: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const head = Buffer.from(type, "latin1");
    const length = Buffer.alloc(4);
    length.writeUInt32BE(data.length);
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE(crc32(Buffer.concat([head, data])));
    return Buffer.concat([length, head, data, sum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(pixels, 0);
  header.writeUInt32BE(pixels, 4);
  header[8] = 1;
  return Buffer.concat([
    Buffer.from("89504e470d0a1a0a", "hex"),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(Buffer.alloc(100_000))),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function crc32(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

test("SVG, other files under a picture's first bytes, bombs, broken and too large uploads are refused", async () => {
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>1</script></svg>');
  const photo = await photograph("#35a");
  const uploads: [string, unknown, number, RegExp][] = [
    ["SVG", body(svg), 400, /PNG, JPEG, WebP, GIF or AVIF/],
    ["SVG behind a GIF's first bytes", body(Buffer.concat([Buffer.from("GIF89a"), svg])), 400, /cannot be read/],
    ["text", body(Buffer.from("hello, this is no picture")), 400, /PNG, JPEG/],
    ["nothing", { imageBase64: "" }, 400, /PNG, JPEG/],
    ["no base64", { imageBase64: "%%%%" }, 400, /base64/],
    ["a bomb of 900 million pixels", body(bomb(30_000)), 400, /40 million pixels/],
    ["half a photograph", body(photo.subarray(0, photo.length / 3)), 400, /cannot be read/],
    ["6 MB", { imageBase64: "A".repeat(8_000_000) }, 413, /./],
    ["another field", { ...body(photo), url: "https://example.org/x.png" }, 400, /not a known field/],
  ];
  for (const [name, upload, status, detail] of uploads) {
    const answer = await user.call("PUT", "/api/v1/me/avatar", upload);
    assert.equal(answer.status, status, `${name}: ${JSON.stringify(answer.body)}`);
    assert.match(answer.body.detail, detail, name);
  }
  assert.equal((await user.call("GET", "/api/v1/me")).body.user.avatarKey, null);
});
