import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type pg from "pg";
import { type Database, openDatabase, seed, seedId, uuidv7 } from "#db";
import {
  acceptExecution,
  addUserMessage,
  beginIdempotentWrite,
  countUnread,
  listApiKeys,
  listBudgets,
  listConversationMessages,
  listConversations,
  listLiveExecutions,
  listProviderAccounts,
  listToolCalls,
  markNotificationsRead,
  readExecutionItems,
  readUserSnapshot,
  setBudget,
  storeIdempotentAnswer,
  sweepIdempotencyKeys,
} from "#domain";
import { postgresCacheStore, postgresLedgerStore, postgresLimitStore, type Query } from "#llm";
import { claimOrphans, claimQueued, readControlFlags, readQueueDepth } from "#queue";
import { compactJournals } from "#worker";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { insertTask } from "../support/executions.ts";
import { replyOf, scriptedGateway, startTestWorker } from "../support/worker.ts";

// What EXPLAIN does not see (hot-queries.test.ts): writes, claims, sweeps and the statements inside the database's own
// functions. auto_explain tells the plan of each one while it runs, on the same data.

interface PlanNode {
  "Node Type": string;
  "Relation Name"?: string;
  "Index Name"?: string;
  Plans?: PlanNode[];
}
interface Told {
  "Query Text": string;
  Plan: PlanNode;
}

let database: TestDatabase;
let db: Database;
let told: Told[] = [];
let name: string;
let userId: string;

const flatten = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(flatten)];

/** A pool whose connections tell the plan of every statement, nested ones too. */
async function openExplained(url: string): Promise<Database> {
  const explained = new URL(url);
  const settings = {
    session_preload_libraries: "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_format": "json",
    "auto_explain.log_level": "notice",
    client_min_messages: "notice",
  };
  const options = Object.entries(settings).map(([key, value]) => `-c ${key}=${value}`);
  explained.searchParams.set("options", options.join(" "));
  const opened = await openDatabase({
    url: explained.href,
    poolMin: 0,
    poolMax: 4,
    idleTimeoutMs: 10_000,
    connectionTimeoutMs: 10_000,
    slowQueryMs: 60_000,
  });
  const heard = new WeakSet<pg.PoolClient>();
  opened.pool.on("acquire", (client) => {
    if (heard.has(client)) return;
    heard.add(client);
    client.on("notice", ({ message = "" }) => {
      const plan = /plan:\n([\s\S]+)$/.exec(message)?.[1];
      if (plan) told.push(JSON.parse(plan) as Told);
    });
  });
  return opened;
}

/** Rows without which a table is so small that reading it whole is right. */
const filling = [
  `INSERT INTO budgets (id, user_id, level, scope_id, period, limit_nano_usd, reserved_nano_usd)
   SELECT gen_random_uuid(), user_id, 'squad', id, 'total', 1000000000000, 5 FROM squads ON CONFLICT DO NOTHING`,
  `INSERT INTO budgets (id, user_id, level, scope_id, period, limit_nano_usd)
   SELECT gen_random_uuid(), id, 'instance', id, 'month', 1000000000000 FROM users ON CONFLICT DO NOTHING`,
  `INSERT INTO budget_reservations (id, budget_id, llm_call_id, amount_nano_usd, period_start)
   SELECT gen_random_uuid(), id, gen_random_uuid(), 5, period_start FROM budgets WHERE level = 'squad'`,
  `INSERT INTO idempotency_keys (user_id, key, request_hash, created_at)
   SELECT id, 'key-' || n, '\\x00', now() - make_interval(hours => n) FROM users, generate_series(1, 20) n`,
  `INSERT INTO conversations (id, user_id, model) SELECT gen_random_uuid(), id, 'm' FROM users, generate_series(1, 5) n`,
  `INSERT INTO conversation_messages (id, conversation_id, role, content)
   SELECT gen_random_uuid(), id, 'user', 'text' FROM conversations, generate_series(1, 5) n`,
  `INSERT INTO llm_cache (key, user_id, model, reply, bytes, expires_at)
   SELECT decode(md5(id::text || n), 'hex'), id, 'm', '{}', 2, now() + interval '1 day' FROM users, generate_series(1, 10) n`,
  "INSERT INTO llm_rate_windows (key) SELECT id || '/requests' FROM users",
  `INSERT INTO llm_rate_leases (id, key, amount, counts_until)
   SELECT gen_random_uuid(), key, 1, now() + interval '1 minute' FROM llm_rate_windows, generate_series(1, 10) n`,
  `INSERT INTO tool_calls (id, execution_id, step_id, key, epoch, member_id, tool, class, arguments, state)
   SELECT gen_random_uuid(), id, gen_random_uuid(), 'turn-1/tool-' || n, 1, gen_random_uuid(), 'read_file', 'pure', '{}', 'done'
   FROM task_executions, generate_series(1, 5) n`,
  `INSERT INTO provider_accounts (id, user_id, kind, name)
   SELECT gen_random_uuid(), id, 'offline', 'own ' || n FROM users, generate_series(1, 3) n`,
  `INSERT INTO api_keys (id, user_id, name, prefix, token_hash)
   SELECT gen_random_uuid(), id, 'k', 'mst_', decode(md5(id::text || n), 'hex') FROM users, generate_series(1, 5) n`,
];

before(async () => {
  database = await createTestDatabase({ poolMax: 4 });
  const owner = { email: "hot-statements@example.org", name: "Hot", passwordHash: "!" };
  ({ name, userId } = await seed(database.db, { owner, messages: 100_000 }));
  for (const statement of filling) await database.db.pool.query(statement);
  await database.db.pool.query("ANALYZE");
  db = await openExplained(database.url);
});
after(async () => {
  await db?.close();
  await database.drop();
});

/** Tables that stay small: one row, or one for each process. */
const small = new Set(["installation", "workers"]);

/** Runs it and returns the indexes that were used; fails when a table that grows was read as a whole. */
async function indexesOf(work: () => Promise<unknown>): Promise<Set<string>> {
  told = [];
  await work();
  assert.ok(told.length > 0, "nothing was told");
  const used = new Set<string>();
  for (const { "Query Text": text, Plan } of told) {
    for (const node of flatten(Plan)) {
      if (node["Index Name"]) used.add(node["Index Name"]);
      const relation = node["Relation Name"] ?? "";
      assert.ok(
        node["Node Type"] !== "Seq Scan" || small.has(relation),
        `${relation} is read as a whole: ${text.replace(/\s+/g, " ").slice(0, 400)}`,
      );
    }
  }
  return used;
}

const id = (kind: Parameters<typeof seedId>[1], number: number) => seedId(name, kind, number);
const query: Query = (text, values) => db.query(`q_${text.length}_${values.length}`, text, values) as never;

const cases: { what: string; indexes: string[]; run: () => Promise<unknown> }[] = [
  {
    what: "live executions",
    indexes: ["idx_executions_user_status"],
    run: () => listLiveExecutions(db, { userId }),
  },
  {
    what: "executions by their ids",
    indexes: ["idx_executions_user_id"],
    run: () => readExecutionItems(db, { userId }, [id("execution", 0), id("execution", 1)]),
  },
  {
    what: "the snapshot that the stream of changes begins with",
    indexes: ["idx_executions_user_status", "idx_notifications_unread"],
    run: () => readUserSnapshot(db, { userId }),
  },
  {
    what: "tool calls of an execution",
    indexes: ["tool_calls_execution_id_step_id_key_key"],
    run: () => listToolCalls(db, { userId }, id("execution", 0), {}),
  },
  { what: "budgets", indexes: ["idx_budgets_user_id"], run: () => listBudgets(db, { userId }, {}) },
  {
    what: "a budget is set",
    indexes: ["budgets_level_scope_id_key"],
    run: () =>
      setBudget(
        db,
        { userId },
        { level: "squad", squadId: id("squad", 0) },
        { limitNanoUsd: 5_000_000, period: "month" },
      ),
  },
  { what: "API keys", indexes: ["idx_api_keys_user_id"], run: () => listApiKeys(db, { userId }) },
  { what: "conversations", indexes: ["idx_conversations_user_id"], run: () => listConversations(db, { userId }, {}) },
  {
    what: "a conversation goes on and is read",
    indexes: ["idx_conversation_messages", "conversations_pkey"],
    run: async () => {
      const [conversation] = (await listConversations(database.db, { userId }, {})).data;
      const conversationId = conversation?.id ?? "";
      await addUserMessage(db, { userId }, { id: conversationId }, "more");
      await listConversationMessages(db, { userId }, conversationId, {});
    },
  },
  {
    what: "notifications are read",
    indexes: ["idx_notifications_unread"],
    run: async () => {
      await countUnread(db, { userId });
      await markNotificationsRead(db, { userId }, undefined);
    },
  },
  {
    what: "the caller's provider accounts",
    indexes: ["provider_accounts_user_id_name_key"],
    run: () => listProviderAccounts(db, { userId }),
  },
  {
    what: "an idempotent write",
    indexes: ["idempotency_keys_pkey"],
    run: () =>
      db.transaction(async (transaction) => {
        const hash = Buffer.from("hash");
        await beginIdempotentWrite(transaction, { userId }, "a new key", hash);
        await storeIdempotentAnswer(transaction, { userId }, "a new key", hash, {
          status: 200,
          headers: {},
          body: null,
        });
      }),
  },
  {
    what: "the sweep of idempotency keys",
    indexes: ["idx_idempotency_keys_created_at"],
    run: () => sweepIdempotencyKeys(db),
  },
  {
    what: "the cache of answers of models: look-up and write",
    indexes: ["llm_cache_pkey", "idx_llm_cache_expires_at"],
    run: async () => {
      const cache = postgresCacheStore(query);
      await cache.get("00".repeat(32));
      const answer = { frames: [], reply: replyOf("x"), costNanoUsd: null, storedAtMs: 0 };
      await cache.set("00".repeat(32), answer, { tenantId: userId, squadId: null, model: "m" }, 60_000);
    },
  },
  {
    what: "a slice of a rate window",
    indexes: ["llm_rate_windows_pkey", "idx_llm_rate_leases_key"],
    run: () => postgresLimitStore(query).lease({ key: `${userId}/requests`, limit: 50, want: 5, countsMs: 60_000 }),
  },
  {
    what: "a slice of the budgets is leased, booked and given back",
    indexes: ["budgets_level_scope_id_key", "idx_budget_reservations_process"],
    run: async () => {
      const store = postgresLedgerStore(query);
      const leased = await store.leaseBlock({ tenantId: userId, squadId: id("squad", 0) }, 1, 100);
      assert.ok(leased.outcome === "granted");
      await store.settleBlock(leased.blockId, 10, false);
      await store.settleBlock(leased.blockId, 0, true);
    },
  },
  {
    what: "the queue: claim, take over, flags, depth",
    indexes: ["idx_executions_queued", "idx_executions_running"],
    run: async () => {
      const worker = uuidv7();
      await claimQueued(db, worker, 5);
      await claimOrphans(db, worker, 5, []);
      await readControlFlags(db, worker);
      await readQueueDepth(db);
    },
  },
  {
    what: "old journals are compacted",
    indexes: ["idx_executions_to_compact"],
    run: () => compactJournals(db, 36_500),
  },
];

for (const { what, indexes, run } of cases) {
  test(`${what}: by index, without reading a whole table`, async () => {
    const used = await indexesOf(run);
    for (const index of indexes) assert.ok(used.has(index), `${index} is not among ${[...used].join(", ")}`);
  });
}

test("a whole execution, from its acceptance to its last event: no statement of it reads a table as a whole", async () => {
  const task = await insertTask(database.db, { process: "lead" });
  const gateway = scriptedGateway(() => "An answer in several words.");
  const used = await indexesOf(async () => {
    const worker = await startTestWorker({ db, url: database.url, gateway });
    try {
      const accepted = await acceptExecution(db, { userId: task.userId }, { taskId: task.taskId });
      assert.ok(accepted.outcome === "accepted");
      worker.worker.wake();
      await new Promise<void>((resolve, reject) =>
        worker.hub.subscribe(accepted.execution.id, 0, { onEvents: () => undefined, onEnd: resolve, onError: reject }),
      );
    } finally {
      await worker.stop();
    }
  });
  const texts = told.map(({ "Query Text": text }) => text).join("\n");
  // Without these it was not an execution.
  for (const part of [
    "muster_claim",
    "muster_commit",
    "INSERT INTO llm_usage",
    "INSERT INTO agent_messages",
    "UPDATE execution_steps",
  ]) {
    assert.ok(texts.includes(part), part);
  }
  for (const index of [
    "task_executions_pkey",
    "llm_calls_pkey",
    "execution_steps_pkey",
    "budgets_level_scope_id_key",
  ]) {
    assert.ok(used.has(index), `${index} is not among ${[...used].join(", ")}`);
  }
});

test("an index that is gone is noticed", async () => {
  const missing = indexesOf(() =>
    db.transaction(async (transaction) => {
      await transaction.client.query("DROP INDEX idx_idempotency_keys_created_at");
      await sweepIdempotencyKeys(transaction);
      // Nothing of it stays.
      await transaction.client.query("ROLLBACK; BEGIN");
    }),
  );
  await assert.rejects(missing, /idempotency_keys is read as a whole/);
});
