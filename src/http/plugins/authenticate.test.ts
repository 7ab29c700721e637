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

  before(async () => {
    database = await createTestDatabase();
    const { db } = database;
    // The real database, with a counter before it.
    const counted: Queryable = {
      orm: db.orm,
      query: (name, text, values) => {
        asked += 1;
        return db.query(name, text, values);
      },
    };
    authenticator = createAuthenticator(counted, () => nowMs);
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

  it("are asked for again, aside and once, by whoever uses them late in their second", async () => {
    await authenticator.find(credential);
    authenticator.noteHeaders(headers, credential);
    assert.equal(asked, 1);
    nowMs += 400;
    assert.ok(authenticator.recallHeaders(headers));
    assert.equal(asked, 1);
    nowMs += 200;
    for (let use = 0; use < 50; use++) assert.ok(authenticator.recallHeaders(headers));
    assert.equal(asked, 2);
    await authenticator.find(credential); // Joins the one under way.
    assert.equal(asked, 2);
    nowMs += 900;
    assert.ok(authenticator.recallHeaders(headers), "1,500 ms after the first look, 900 after the second");
    assert.ok(authenticator.recall(credential));
  });

  it("are not believed for longer than a second after the last look", async () => {
    await authenticator.find(credential);
    nowMs += 1_001;
    assert.equal(authenticator.recallHeaders(headers), undefined);
    assert.equal(authenticator.recall(credential), undefined);
  });

  it("are void with their headers once a look aside finds them revoked", async () => {
    await authenticator.find(credential);
    authenticator.noteHeaders(headers, credential);
    // As another process would, whose word did not arrive.
    await database.db.pool.query("DELETE FROM api_keys WHERE id = $1", [credentialId]);
    nowMs += 600;
    assert.ok(authenticator.recallHeaders(headers), "still within the second");
    await authenticator.find(credential);
    assert.equal(authenticator.recallHeaders(headers), undefined);
    assert.equal(authenticator.recall(credential), null);
  });
});
