import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createApiKey, ensureOwner, type Queryable } from "#domain";
import { createTestDatabase, type TestDatabase } from "../../../test/support/database.ts";
import { type Authenticator, createAuthenticator } from "./authenticate.ts";

describe("remembered credentials", () => {
  let database: TestDatabase;
  let authenticator: Authenticator;
  let nowMs = 0;
  let asked = 0;
  let credential: { kind: "api_key"; token: string };
  let credentialId: string;
  let headers: { authorization: string };
  let hearsAll = true;

  before(async () => {
    database = await createTestDatabase();
    const { db } = database;
    // The real database, with a counter before it.
    const counted: Queryable = {
      query: (name, text, values) => {
        asked += 1;
        return db.query(name, text, values);
      },
    };
    authenticator = createAuthenticator(counted, { hearsAll: () => hearsAll, now: () => nowMs });
    const owner = await ensureOwner(database.db);
    const key = await createApiKey(database.db, { userId: owner.id }, "test");
    credential = { kind: "api_key", token: key.token };
    credentialId = key.apiKey.id;
    headers = { authorization: `Bearer ${key.token}` };
  });
  after(async () => {
    authenticator.close();
    await database.drop();
  });

  it("are asked for again, aside and once, by whoever uses them late in their half minute", async () => {
    await authenticator.find(credential);
    authenticator.noteHeaders(headers, credential);
    assert.equal(asked, 1);
    nowMs += 14_000;
    assert.ok(authenticator.recallHeaders(headers));
    assert.equal(asked, 1);
    nowMs += 2_000;
    for (let use = 0; use < 50; use++) assert.ok(authenticator.recallHeaders(headers));
    assert.equal(asked, 2);
    await authenticator.find(credential); // Joins the one under way.
    assert.equal(asked, 2);
    nowMs += 20_000;
    assert.ok(authenticator.recallHeaders(headers), "36 s after the first look, 20 after the second");
    assert.ok(authenticator.recall(credential));
    await authenticator.find(credential);
  });

  it("are not believed for longer than half a minute after the last look", async () => {
    await authenticator.find(credential);
    nowMs += 30_000;
    assert.equal(authenticator.recallHeaders(headers), undefined);
    assert.equal(authenticator.recall(credential), undefined);
  });

  it("are not believed for longer than a second while a revocation elsewhere may not be heard of", async () => {
    await authenticator.find(credential);
    authenticator.noteHeaders(headers, credential);
    nowMs += 1_100;
    assert.ok(authenticator.recallHeaders(headers));
    hearsAll = false;
    assert.equal(authenticator.recallHeaders(headers), undefined);
    assert.equal(authenticator.recall(credential), undefined);
    hearsAll = true;
    assert.ok(authenticator.recall(credential));
    // What was said meanwhile is lost.
    authenticator.forget("all");
    assert.equal(authenticator.recallHeaders(headers), undefined);
    assert.equal(authenticator.recall(credential), undefined);
  });

  it("are remembered for a second when they are bad: a key may be made meanwhile", async () => {
    const unknown = { kind: "api_key", token: "mst_unknown" } as const;
    const before = asked;
    assert.equal(await authenticator.find(unknown), null);
    assert.equal(authenticator.recall(unknown), null);
    nowMs += 1_000;
    assert.equal(authenticator.recall(unknown), undefined);
    assert.equal(asked, before + 1);
  });

  it("are void with their headers once a look aside finds them revoked", async () => {
    await authenticator.find(credential);
    authenticator.noteHeaders(headers, credential);
    // Behind the back of every process: nobody is told.
    await database.db.pool.query("DELETE FROM api_keys WHERE id = $1", [credentialId]);
    nowMs += 16_000;
    assert.ok(authenticator.recallHeaders(headers), "still within the half minute");
    await authenticator.find(credential);
    assert.equal(authenticator.recallHeaders(headers), undefined);
    assert.equal(authenticator.recall(credential), null);
  });
});
