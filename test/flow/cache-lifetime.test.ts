import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { readConfig } from "#config";
import { type Core, composeCore } from "#main";
import { createUser, type TestUser } from "../support/api-client.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { testCall } from "../support/llm/gateway-fixture.ts";
import { startOpenAiServer, type WireServer } from "../support/llm/index.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

// How long an answer is kept when nobody says: two processes as they start, on one database, with a clock that is moved.

let database: TestDatabase;
let provider: WireServer;
let user: TestUser;
let first: Core;
let second: Core;
let clockMs = Date.now();
const folder = temporaryFolder();
const minuteMs = 60_000;

before(async () => {
  database = await createTestDatabase();
  provider = await startOpenAiServer();
  const config = readConfig({
    MUSTER_DATA_DIR: folder.path,
    DATABASE_URL: database.url,
    LOG_LEVEL: "fatal",
    OPENAI_BASE_URL: provider.url,
    OPENAI_API_KEY: "secret-test-key",
  });
  const compose = () => composeCore(config, { role: "cli", now: () => clockMs });
  first = await compose();
  second = await compose();
  user = await createUser(null as never, first.db);
});
after(async () => {
  await first.close();
  await second.close();
  await provider.close();
  await database.drop();
  await folder.remove();
});

/** What the cache did for an equal question: `hit` or `miss`. */
async function ask(core: Core, content: string): Promise<string> {
  const request = { model: "gpt-4o-mini", messages: [{ role: "user" as const, content }], temperature: 0 };
  const before = provider.ledger.length;
  const reply = await core.modelGateway.call(testCall(request, { tenantId: user.id }), () => {});
  assert.equal(reply.text, `You said: ${content}`);
  assert.equal(provider.ledger.length - before, reply.cacheResult === "miss" ? 1 : 0);
  return reply.cacheResult;
}

/** The database goes by its own clock: for it the same time passes when what it keeps gets older. */
async function pass(ms: number): Promise<void> {
  clockMs += ms;
  await database.db.query(
    "t_pass",
    "UPDATE llm_cache SET expires_at = expires_at - make_interval(secs => $1), created_at = created_at - make_interval(secs => $1)",
    [ms / 1_000],
  );
}

/** Answers are written to the second level beside the call. */
async function kept(count: number): Promise<void> {
  for (const endsAt = Date.now() + 10_000; ; await delay(20)) {
    const { rows } = await database.db.query<{ n: number }>("t_kept", "SELECT count(*)::int AS n FROM llm_cache", []);
    if (rows[0]?.n === count) return;
    assert.ok(Date.now() < endsAt, `${rows[0]?.n} answers are kept`);
  }
}

test("an answer is served again at 23:59 h, from memory and from the database, and no more at 24:01 h", async () => {
  assert.equal(await ask(first, "of this process"), "miss");
  assert.equal(await ask(first, "of another process"), "miss");
  await kept(2);
  await pass((24 * 60 - 1) * minuteMs);
  assert.equal(await ask(first, "of this process"), "hit");
  assert.equal(await ask(second, "of another process"), "hit");
  await pass(2 * minuteMs);
  assert.equal(await ask(first, "of this process"), "miss");
  assert.equal(await ask(second, "of another process"), "miss");
});
