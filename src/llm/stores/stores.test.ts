import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { Redis } from "ioredis";
import {
  type CachedAnswer,
  type CacheStore,
  type LedgerStore,
  type LlmCallRecord,
  MemoryLedgerStore,
  postgresCacheStore,
  postgresLedgerStore,
  postgresLimitStore,
  type Query,
  redisCacheStore,
} from "#llm";
import { createTestDatabase, type TestDatabase } from "../../../test/support/database.ts";
import { fixtureGateway, testAccount, testCall } from "../../../test/support/llm/gateway-fixture.ts";
import { startOpenAiServer } from "../../../test/support/llm/index.ts";
import { startRedis, type TestRedis } from "../../../test/support/redis.ts";

/* One behaviour for every implementation of a store, on the real PostgreSQL and the real Redis. */

let database: TestDatabase;
let redisServer: TestRedis;
let redis: Redis;
let query: Query;
const userId = randomUUID();

before(async () => {
  database = await createTestDatabase({ poolMax: 20 });
  const { pool } = database.db;
  query = ((text: string, params: unknown[]) => pool.query(text, params)) as Query;
  await pool.query(
    "INSERT INTO users (id, email, name, password_hash, role) VALUES ($1, 'a@example.org', 'A', 'x', 'owner')",
    [userId],
  );
  redisServer = await startRedis();
  redis = new Redis(redisServer.url);
});
after(async () => {
  redis.disconnect();
  await redisServer.stop();
  await database.drop();
});

async function setBudget(level: "instance" | "squad", scopeId: string, limitNanoUsd: number): Promise<void> {
  await query(
    "INSERT INTO budgets (id, user_id, level, scope_id, period, limit_nano_usd) VALUES ($1, $2, $3, $4, 'month', $5)",
    [randomUUID(), userId, level, scopeId, limitNanoUsd],
  );
}

async function budgetOf(scopeId: string): Promise<{ spent: number; reserved: number }> {
  const { rows } = await query<{ spent: string; reserved: string }>(
    "SELECT spent_nano_usd AS spent, reserved_nano_usd AS reserved FROM budgets WHERE scope_id = $1",
    [scopeId],
  );
  return { spent: Number(rows[0]?.spent), reserved: Number(rows[0]?.reserved) };
}

interface LedgerCase {
  store: LedgerStore;
  setBudget(level: "instance" | "squad", scopeId: string, limitNanoUsd: number): Promise<void>;
  budgetOf(scopeId: string): Promise<{ spent: number; reserved: number }>;
}

for (const name of ["memory", "postgres"] as const) {
  describe(`ledger store: ${name}`, () => {
    function open(): LedgerCase {
      if (name === "postgres") return { store: postgresLedgerStore(query), setBudget, budgetOf };
      const store = new MemoryLedgerStore();
      return {
        store,
        setBudget: async (level, scopeId, limit) => store.setBudget(level, scopeId, limit),
        budgetOf: async (scopeId) => {
          const budget = store.budget(scopeId);
          return { spent: budget?.spentNanoUsd ?? Number.NaN, reserved: budget?.reservedNanoUsd ?? Number.NaN };
        },
      };
    }

    test("a scope without budgets is unlimited", async () => {
      const { store } = open();
      assert.deepEqual(await store.leaseBlock({ tenantId: userId, squadId: randomUUID() }, 10, 100), {
        outcome: "unlimited",
      });
    });

    test("blocks are reserved at every level, shrink near the limit, are booked in parts and given back", async () => {
      const { store, setBudget: set, budgetOf: read } = open();
      const squadId = randomUUID();
      await set("squad", squadId, 1000);
      const scope = { tenantId: userId, squadId };
      const first = await store.leaseBlock(scope, 10, 800);
      assert.ok(first.outcome === "granted" && first.amountNanoUsd === 250);
      await store.settleBlock(first.blockId, 100, false);
      assert.deepEqual(await read(squadId), { spent: 100, reserved: 150 });
      await store.settleBlock(first.blockId, 50, true);
      assert.deepEqual(await read(squadId), { spent: 150, reserved: 0 });
      const refused = await store.leaseBlock(scope, 851, 900);
      assert.deepEqual(refused, { outcome: "budget_exceeded", level: "squad", limitNanoUsd: 1000, spentNanoUsd: 150 });
      const all = await store.leaseBlock(scope, 850, 900);
      assert.ok(all.outcome === "granted" && all.amountNanoUsd === 850);
      await store.settleBlock(all.blockId, 850, true);
      assert.deepEqual(await read(squadId), { spent: 1000, reserved: 0 });
    });

    test("500 parallel calls against a budget of 1 $: never passed, nothing left reserved, ledger = bill", {
      timeout: 60_000,
    }, async () => {
      const { store, setBudget: set, budgetOf: read } = open();
      const squadId = randomUUID();
      const limit = 1_000_000_000;
      await set("squad", squadId, limit);
      // gpt-4o: 2,500 and 10,000 nano-USD per token; a call costs 10 × 2,500 + 390 × 10,000 = 3,925,000: 254 fit.
      const server = await startOpenAiServer({ script: { text: "ok", usage: { inputTokens: 10, outputTokens: 390 } } });
      const account = testAccount("openai", server.url, { requestsPerMinute: 10_000 });
      const { gateway, records } = fixtureGateway([account], { ledgerStore: store, budgetWaitMs: 50_000 });
      const outcomes = await Promise.allSettled(
        Array.from({ length: 500 }, () =>
          gateway.complete(
            testCall(
              { model: "gpt-4o", maxOutputTokens: 400 },
              { tenantId: userId, squadId, stream: false, cache: "off" },
            ),
          ),
        ),
      );
      const replies = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
      for (const outcome of outcomes) {
        if (outcome.status === "rejected") assert.equal(outcome.reason.kind, "budget_exceeded", outcome.reason.message);
      }
      await gateway.close();
      const { spent, reserved } = await read(squadId);
      assert.equal(reserved, 0);
      assert.ok(spent <= limit);
      // Money that was only reserved is waited for: what is refused would not have fitted. The last answer may be shorter.
      const whole = replies.filter(({ usage }) => usage.outputTokens === 390).length;
      assert.equal(whole, 254);
      const done = replies.length;
      assert.ok(limit - spent < 10 * 2500 + 64 * 10_000 + 200_000, `${limit - spent} nano-USD are left`);
      assert.equal(
        spent,
        server.ledger.reduce((sum, bill) => sum + bill.inputTokens * 2500 + bill.outputTokens * 10_000, 0),
      );
      assert.equal(server.ledger.length, done);
      assert.equal(
        records.reduce((sum, record) => sum + (record.costNanoUsd ?? 0), 0),
        spent,
      );
      await server.close();
    });
  });
}

describe("ledger store: postgres only", () => {
  test("usage rows are written once, and only for users who exist", async () => {
    const store = postgresLedgerStore(query);
    const record: LlmCallRecord = {
      callId: randomUUID(),
      tenantId: userId,
      squadId: null,
      executionId: null,
      memberId: null,
      lane: "interactive",
      provider: "openai",
      model: "gpt-4o-mini",
      accountId: null,
      outcome: "done",
      errorKind: null,
      cacheResult: "miss",
      usage: {
        inputTokens: 10,
        cacheReadTokens: 4,
        cacheWriteTokens: 0,
        outputTokens: 3,
        reasoningTokens: 1,
        estimated: false,
      },
      costNanoUsd: null,
      savedNanoUsd: null,
      attempts: 1,
      durationMs: 12.6,
      timeToFirstTokenMs: null,
      rateWaitMs: 0,
      addedMs: 0.2,
      billedElsewhere: false,
      atMs: Date.now(),
    };
    await store.writeUsage([record, { ...record, callId: randomUUID(), tenantId: randomUUID() }]);
    await store.writeUsage([record]);
    const { rows } = await query<Record<string, unknown>>(
      "SELECT * FROM llm_usage WHERE user_id = $1 AND model = 'gpt-4o-mini'",
      [userId],
    );
    const mine = rows.filter((row) => row.id === record.callId);
    assert.equal(mine.length, 1);
    assert.equal(mine[0]?.input_tokens, 10);
    assert.equal(mine[0]?.cost_nano_usd, null);
    assert.equal(mine[0]?.latency_ms, 13);
  });

  test("a block of a process that died counts as spent at the next lease", async () => {
    const store = postgresLedgerStore(query);
    const squadId = randomUUID();
    await setBudget("squad", squadId, 1000);
    const scope = { tenantId: userId, squadId };
    const block = await store.leaseBlock(scope, 100, 200);
    assert.ok(block.outcome === "granted");
    await query("UPDATE budget_reservations SET expires_at = now() - interval '1 second' WHERE process_id = $1", [
      block.blockId,
    ]);
    const next = await store.leaseBlock(scope, 100, 100);
    assert.ok(next.outcome === "granted");
    assert.deepEqual(await budgetOf(squadId), { spent: 200, reserved: 100 });
    // The dead process turns out to be alive: its late booking changes nothing.
    await store.settleBlock(block.blockId, 50, true);
    assert.deepEqual(await budgetOf(squadId), { spent: 200, reserved: 100 });
  });

  test("80 % of a budget is told once", async () => {
    const store = postgresLedgerStore(query);
    const squadId = randomUUID();
    await setBudget("squad", squadId, 1000);
    const before = await query("SELECT 1 FROM notifications WHERE user_id = $1 AND kind = 'budget_warning'", [userId]);
    const block = await store.leaseBlock({ tenantId: userId, squadId }, 900, 900);
    assert.ok(block.outcome === "granted");
    await store.settleBlock(block.blockId, 850, false);
    await store.settleBlock(block.blockId, 10, false);
    const { rows } = await query("SELECT 1 FROM notifications WHERE user_id = $1 AND kind = 'budget_warning'", [
      userId,
    ]);
    assert.equal(rows.length, before.rows.length + 1);
  });
});

const answer: CachedAnswer = {
  frames: [{ type: "text", text: "größer 🎉" }],
  reply: {
    text: "größer 🎉",
    reasoning: "",
    toolCalls: [],
    finishReason: "stop",
    usage: {
      inputTokens: 1,
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
      outputTokens: 2,
      reasoningTokens: 0,
      estimated: false,
    },
    model: "m",
    provider: "openai",
    accountId: null,
    costNanoUsd: 5,
    savedNanoUsd: null,
    cacheResult: "miss",
    trimmed: null,
    attempts: 1,
    latencyMs: 1,
    timeToFirstTokenMs: 1,
    rateWaitMs: 0,
  },
  costNanoUsd: 5,
  storedAtMs: 1,
};

for (const name of ["postgres", "redis"] as const) {
  describe(`cache store: ${name}`, () => {
    const open = (): CacheStore => (name === "postgres" ? postgresCacheStore(query) : redisCacheStore(redis));
    const key = (): string => Buffer.from(randomUUID()).toString("base64url");

    test("gives back what was set, until it expires", async () => {
      const store = open();
      const [kept, gone] = [key(), key()];
      const tags = { tenantId: userId, squadId: null, model: "m" };
      await store.set(kept, answer, tags, 60_000);
      await store.set(gone, answer, tags, 1);
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.deepEqual(await store.get(kept), answer);
      assert.equal(await store.get(gone), null);
      assert.equal(await store.get(key()), null);
    });

    test("purges by squad and model, never another tenant's", async () => {
      const store = open();
      const squadId = randomUUID();
      const keys = [key(), key(), key()];
      await store.set(keys[0] as string, answer, { tenantId: userId, squadId, model: "a" }, 60_000);
      await store.set(keys[1] as string, answer, { tenantId: userId, squadId, model: "b" }, 60_000);
      await store.set(keys[2] as string, answer, { tenantId: userId, squadId: null, model: "a" }, 60_000);
      assert.equal(await store.purge({ tenantId: randomUUID() }), 0);
      assert.equal(await store.purge({ tenantId: userId, squadId, model: "a" }), 1);
      assert.deepEqual(
        [await store.get(keys[0] as string), (await store.get(keys[1] as string)) !== null],
        [null, true],
      );
      assert.equal(await store.purge({ tenantId: userId, squadId }), 1);
      assert.notEqual(await store.get(keys[2] as string), null);
    });
  });
}

describe("limit store: postgres", () => {
  const open = () => postgresLimitStore(query);

  test("concurrent leases never grant more than the limit; what is given back can be had again", async () => {
    const store = open();
    const key = randomUUID();
    const leases = await Promise.all(
      Array.from({ length: 40 }, () => store.lease({ key, limit: 50, want: 3, countsMs: 5000 })),
    );
    assert.equal(
      leases.reduce((sum, lease) => sum + lease.granted, 0),
      50,
    );
    const refused = leases.find((lease) => lease.granted === 0);
    assert.ok(
      refused !== undefined && refused.leaseId === null && refused.retryInMs > 3000 && refused.retryInMs <= 5001,
    );
    const some = leases.find((lease) => lease.granted === 3);
    await store.giveBack(key, some?.leaseId as string, 2);
    assert.equal((await store.lease({ key, limit: 50, want: 10, countsMs: 5000 })).granted, 2);
  });

  test("blocks cease to count when their time is over; a pause is told to all", async () => {
    const store = open();
    const key = randomUUID();
    assert.equal((await store.lease({ key, limit: 5, want: 5, countsMs: 60 })).granted, 5);
    assert.equal((await store.lease({ key, limit: 5, want: 5, countsMs: 60 })).granted, 0);
    await new Promise((resolve) => setTimeout(resolve, 80));
    assert.equal((await store.lease({ key, limit: 5, want: 5, countsMs: 60 })).granted, 5);
    await store.pause(key, 2000);
    await store.pause(key, 100);
    const { pausedMs } = await store.lease({ key, limit: 5, want: 1, countsMs: 60 });
    assert.ok(pausedMs > 1000 && pausedMs <= 2001, String(pausedMs));
  });
});
