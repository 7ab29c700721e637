import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { createUser } from "../support/api-client.ts";

let api: TestApi;
before(async () => {
  api = await startTestApi();
});
after(() => api.close());

test("the owner reads and changes how long journals stay whole; nobody else does", async () => {
  const owner = await createUser(api.app, api.database.db, { role: "owner" });
  const member = await createUser(api.app, api.database.db);
  const before = (await owner.call("GET", "/api/v1/settings")).body.settings;
  assert.equal(before.journalDays, 30);
  assert.ok(before.storage.databaseBytes > before.storage.journalBytes && before.storage.journalBytes > 0);
  assert.deepEqual(before.executions, { total: 0, compacted: 0, due: 0 });
  const changed = await owner.call("PATCH", "/api/v1/settings", { journalDays: 7 });
  assert.equal(changed.body.settings.journalDays, 7);
  assert.equal((await owner.call("GET", "/api/v1/settings")).body.settings.journalDays, 7);
  for (const journalDays of [0, 4_000, 1.5, "7"]) {
    assert.equal((await owner.call("PATCH", "/api/v1/settings", { journalDays })).status, 400);
  }
  assert.equal((await member.call("GET", "/api/v1/settings")).status, 403);
  assert.equal((await member.call("PATCH", "/api/v1/settings", { journalDays: 1 })).status, 403);
});
