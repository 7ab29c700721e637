import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createTestDatabase, type TestDatabase } from "../../../test/support/database.ts";
import { createApiKey } from "../api-keys/index.ts";
import { ensureProject } from "../projects/index.ts";
import { claimInstallation, issueClaimCode } from "./claim-installation.ts";
import { ensureOwner } from "./local-owner.ts";
import { hashToken } from "./secrets.ts";
import { findApiKey } from "./sessions.ts";
import { signIn } from "./sign-in.ts";
import { readAuthState } from "./users.queries.ts";

describe("the owner of the command line", () => {
  let test: TestDatabase;
  before(async () => {
    test = await createTestDatabase();
  });
  after(() => test.drop());

  it("is made once, cannot sign in, and is taken over by the claim with all it has", async () => {
    const { db } = test;
    const owners = await Promise.all([ensureOwner(db), ensureOwner(db), ensureOwner(db)]);
    const owner = owners[0];
    assert.deepEqual(new Set(owners.map((one) => one.id)).size, 1);
    assert.equal((await readAuthState(db)).claimed, false);
    for (const password of ["", "!", "owner"]) {
      assert.equal((await signIn(db, { email: owner.email, password }, null)).outcome, "invalid_credentials");
    }
    const scope = { userId: owner.id };
    const projects = await Promise.all([
      ensureProject(db, scope, "Command line"),
      ensureProject(db, scope, "Command line"),
    ]);
    assert.equal(projects[0], projects[1]);
    const { token } = await createApiKey(db, scope, "job");

    const claimCode = await issueClaimCode(db);
    assert.ok(claimCode !== null, "the installation can still be claimed");
    const body = { claimCode, email: "ann@example.com", name: "Ann", password: "correct horse battery" };
    const claimed = await claimInstallation(db, body, null);
    assert.ok(claimed.outcome === "ok");
    assert.equal(claimed.user.id, owner.id);
    assert.equal(claimed.user.email, body.email);
    assert.equal((await signIn(db, body, null)).outcome, "ok");
    assert.equal((await ensureOwner(db)).id, owner.id);
    assert.equal((await findApiKey(db, hashToken(token)))?.userId, owner.id);
    assert.equal(await issueClaimCode(db), null);
  });

  it("does not take an e-mail that is somebody else's", async () => {
    const fresh = await createTestDatabase();
    try {
      const { db } = fresh;
      await ensureOwner(db);
      await db.pool.query(
        "INSERT INTO users (id, email, name, password_hash) VALUES (gen_random_uuid(), 'Ben@example.com', 'Ben', 'x')",
      );
      const claimCode = (await issueClaimCode(db)) ?? "";
      const claim = (email: string) =>
        claimInstallation(db, { claimCode, email, name: "Ann", password: "correct horse battery" }, null);
      assert.equal((await claim("ben@example.com")).outcome, "already_exists");
      assert.equal((await claim("ann@example.com")).outcome, "ok", "the code is not used up");
    } finally {
      await fresh.drop();
    }
  });
});
