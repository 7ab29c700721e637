import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Database, seed, seedId, uuidv7 } from "#db";
import {
  acceptDeferredCall,
  acceptExecution,
  addUserMessage,
  beginIdempotentWrite,
  claimDeferredCalls,
  countUnread,
  createApiKey,
  deleteProject,
  deleteSquad,
  endDeferredCall,
  listApiKeys,
  listBatchJobs,
  listBudgets,
  listConversationMessages,
  listConversations,
  listDeferredCalls,
  listFileVersions,
  listLiveExecutions,
  listProviderAccounts,
  listToolCalls,
  markNotificationsRead,
  readDeferredCall,
  readExecutionItems,
  readUserSnapshot,
  removePerson,
  renewDeferredCalls,
  rollUpUsage,
  setBudget,
  storeIdempotentAnswer,
  sweepIdempotencyKeys,
} from "#domain";
import { postgresCacheStore, postgresLedgerStore, postgresLimitStore, type Query } from "#llm";
import { claimOrphans, claimQueued, readControlFlags, readQueueDepth } from "#queue";
import { compactJournals, expiring, forgetExpired } from "#worker";
import { startTestApi } from "../support/api-app.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { askEconomyStore } from "../support/economy-calls.ts";
import { everyRead, type Values } from "../support/every-read.ts";
import { insertExecution, insertTask } from "../support/executions.ts";
import {
  assertNothingWhole,
  type ExplainedDatabase,
  explainedRows,
  flatten,
  openExplained,
} from "../support/explained-database.ts";
import { coldStatements, plannedInHotQueries, plannedInHotWrites, statementNames } from "../support/statement-names.ts";
import { replyOf, scriptedGateway, startTestWorker } from "../support/worker.ts";

// What EXPLAIN does not see (hot-queries.test.ts): writes, claims, sweeps and the statements inside the database's own
// functions. auto_explain tells the plan of each one while it runs, on the same data.

let database: TestDatabase;
let explained: ExplainedDatabase;
let db: Database;
let lastTexts: string[] = [];
let name: string;
let userId: string;

before(async () => {
  database = await createTestDatabase({ poolMax: 4 });
  const owner = { email: "hot-statements@example.org", name: "Hot", passwordHash: "!" };
  ({ name, userId } = await seed(database.db, { owner, messages: 100_000 }));
  await rollUpUsage(database.db);
  for (const statement of explainedRows) await database.db.pool.query(statement);
  await database.db.pool.query("ANALYZE");
  explained = await openExplained(database.url);
  db = explained.db;
});
after(async () => {
  await db?.close();
  await database.drop();
});

/** Runs it and returns the indexes that were used; fails when a table that grows was read as a whole. */
async function indexesOf(work: () => Promise<unknown>, on = explained): Promise<Set<string>> {
  on.take();
  await work();
  const told = on.take();
  lastTexts = told.map(({ "Query Text": text }) => text);
  assert.ok(told.length > 0, "nothing was told");
  assertNothingWhole(told, "here");
  return new Set(told.flatMap(({ Plan }) => flatten(Plan).flatMap((node) => node["Index Name"] ?? [])));
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
    what: "a deferred call: accepted, read, claimed, held for longer, ended",
    indexes: ["deferred_calls_pkey", "idx_deferred_calls_user_id", "idx_deferred_calls_waiting"],
    run: async () => {
      const holder = uuidv7();
      const call = { model: "m", cache: "off" as const, request: {}, deadlineMs: null };
      await acceptDeferredCall(db, { userId }, call);
      const { data } = await listDeferredCalls(db, { userId }, {});
      await readDeferredCall(db, { userId }, data[0]?.id ?? "");
      const [work] = await claimDeferredCalls(db, holder, 5, 1_000);
      assert.ok(work, "nothing was claimed");
      await renewDeferredCalls(db, holder, [work.id], 1_000);
      await endDeferredCall(db, holder, work.id, { state: "failed", code: "unavailable", detail: "x" });
    },
  },
  {
    what: "batches of deferred calls and what they wait for",
    indexes: ["idx_llm_batches_user_id", "idx_llm_economy_calls_open"],
    run: async () => {
      const { nextCursor } = await listBatchJobs(db, { userId }, { limit: 5 });
      await listBatchJobs(db, { userId }, { limit: 5, ...(nextCursor === null ? {} : { cursor: nextCursor }) });
    },
  },
  {
    what: "the economy lane: its calls and its batches",
    indexes: ["llm_economy_calls_pkey", "idx_llm_batches_open", "idx_llm_economy_calls_batch", "llm_batches_pkey"],
    run: () => askEconomyStore(query),
  },
  {
    what: "the versions of a file",
    indexes: ["tool_calls_execution_id_step_id_key_key"],
    run: () => listFileVersions(db, { userId }, id("execution", 0), "a.md"),
  },
  ...Object.entries({
    web_vitals: "idx_web_vitals_at",
    deferred_calls: "idx_deferred_calls_ended_at",
    llm_cache: "idx_llm_cache_expires_at",
  }).map(([table, index]) => ({
    what: `what has expired among ${table} is forgotten`,
    indexes: [index],
    run: async () => {
      const kind = expiring.find((one) => one.table === table);
      assert.ok(kind);
      await forgetExpired(db, kind);
    },
  })),
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
  const texts = lastTexts.join("\n");
  // Without these it was not an execution.
  for (const part of [
    "WITH next AS",
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

test("every read of the API, with each choice of what it can be asked: no table is read as a whole", async () => {
  const api = await startTestApi({ database: { url: database.url, db, drop: async () => undefined } });
  try {
    const { token } = await createApiKey(database.db, { userId }, "reader");
    const execution = id("execution", 0);
    const values: Values = { execution, squad: id("squad", 0), project: id("project", 0), task: id("task", 0) };
    Object.assign(values, { step: execution, from: id("message", 9), search: "nothing is called this", path: "a.md" });
    values.conversation = (await listConversations(db, { userId }, {})).data[0]?.id ?? "";
    values.deferredCall = (await listDeferredCalls(db, { userId }, {})).data[0]?.id ?? "";
    values.toolCall = (await listToolCalls(db, { userId }, execution, {}))?.data[0]?.id ?? "";
    explained.take();
    const count = await everyRead(api, token, values, (url) => assertNothingWhole(explained.take(), url));
    assert.ok(count > 120, `${count} addresses`);
    const made =
      "tasks_list tasks_list_project_id tasks_list_squad_id executions_list_s executions_list_t notifications_list_after";
    for (const list of [...made.split(" "), "notifications_list_unread"]) assert.ok(explained.names.has(list), list);
  } finally {
    await api.close();
  }
});

test("a project, a squad and a user are deleted: an index finds all that goes with them", async () => {
  // Some tables are empty here and would be read whole; this way that is only done where no index can help.
  const strict = await openExplained(database.url, { enable_seqscan: "off" });
  const removals = [
    { remove: deleteProject, of: "projectId", index: "idx_notifications_execution_id" },
    { remove: deleteSquad, of: "squadId", index: "idx_conversations_squad_member_id" },
    {
      remove: (store: Database, _: unknown, id: string) => removePerson(store, { userId }, id),
      of: "userId",
      index: "idx_web_vitals_user_id",
    },
  ] as const;
  try {
    for (const { remove, of, index } of removals) {
      const own = await insertTask(database.db);
      await insertExecution(database.db, own);
      await database.db.pool.query("UPDATE task_executions SET status = 'completed' WHERE user_id = $1", [own.userId]);
      const used = await indexesOf(async () => {
        assert.deepEqual(await remove(strict.db, { userId: own.userId }, own[of]), { outcome: "ok" });
      }, strict);
      assert.ok(used.has(index), `${index} is not among ${[...used].join(", ")}`);
    }
  } finally {
    await strict.db.close();
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

test("every statement of the source is planned here, in hot-queries or in hot-writes, or it is said why its plan does not matter", () => {
  const planned = [...explained.names, ...plannedInHotQueries, ...plannedInHotWrites];
  const cold = new Set(Object.values(coldStatements).flat());
  const inSource = statementNames();
  assert.ok(inSource.length >= 150, `${inSource.length} names were found`);
  const isPlanned = (name: string): boolean => {
    const pattern = new RegExp(`^${name.replaceAll("*", "\\w*")}$`);
    return planned.some((one) => pattern.test(one));
  };
  assert.deepEqual(
    inSource.filter((name) => !cold.has(name) && !isPlanned(name)),
    [],
    "give it a case, or name it in coldStatements with the reason",
  );
  assert.deepEqual(
    [...cold].filter((name) => !inSource.includes(name)),
    [],
    "there are no such statements",
  );
});
