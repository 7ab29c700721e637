import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  avatarFormats,
  batchJobStates,
  budgetLevels,
  cacheResults,
  deferredCallEnds,
  endReasons,
  executionStatuses,
  llmCallStates,
  llmLanes,
  messageStatuses,
  notificationKinds,
  providerKinds,
  providerWires,
  squadProcesses,
  squadStatuses,
  stepKinds,
  stepStatuses,
  taskPriorities,
  taskStatuses,
  toolCallStates,
  toolClasses,
  userRoles,
  webVitalNames,
} from "#contracts";
import { createTestDatabase, type TestDatabase, withDatabase } from "../../test/support/database.ts";
import { startSystemPostgres, systemPostgresFolders } from "../../test/support/system-postgres.ts";
import { type Database, migrate, openDatabase } from "./index.ts";

// The migrations are what the database is: what they let into a column must be what the contract says may be there, and
// they must make the same tables on the embedded PostgreSQL and on the oldest one that is supported.

/** By column: what its CHECK lets in. Those without a name in the contract are known to one table only. */
const closedSets: Record<string, readonly string[]> = {
  "agent_messages.role": ["assistant", "tool", "user"],
  "agent_messages.status": messageStatuses,
  "avatars.format": avatarFormats,
  "budgets.level": budgetLevels,
  "budgets.period": ["total", "month"],
  "conversation_messages.role": ["user", "assistant"],
  "deferred_calls.cache": ["auto", "force", "off"],
  "deferred_calls.state": ["waiting", ...deferredCallEnds],
  "execution_steps.kind": stepKinds,
  "execution_steps.status": stepStatuses,
  "llm_batches.state": batchJobStates,
  "llm_calls.cache_result": cacheResults,
  "llm_calls.state": llmCallStates,
  "llm_economy_calls.state": ["waiting", "submitted", "done", "failed", "live", "cancelled"],
  "llm_usage.cache_result": cacheResults,
  "llm_usage.lane": llmLanes,
  "llm_usage.outcome": ["done", "failed", "lost", "cancelled"],
  "notifications.kind": notificationKinds,
  "provider_accounts.kind": providerKinds,
  "provider_accounts.wire": providerWires,
  "squads.process": squadProcesses,
  "squads.status": squadStatuses,
  "task_executions.end_reason": endReasons,
  "task_executions.lane": llmLanes,
  "task_executions.status": executionStatuses,
  "tasks.priority": taskPriorities,
  "tasks.status": taskStatuses,
  "tool_calls.class": toolClasses,
  "tool_calls.state": toolCallStates,
  "users.role": userRoles,
  "web_vitals.name": webVitalNames,
  "web_vitals.rating": ["good", "needs-improvement", "poor"],
};

let database: TestDatabase;

before(async () => {
  database = await createTestDatabase();
});
after(() => database.drop());

/** One line for each column, constraint and index; a server's own way of writing an expression is part of it. */
async function schemaOf(db: Database): Promise<string[]> {
  const { rows } = await db.pool.query<{ line: string }>(`
    SELECT format('column %s.%s %s%s %s', t.relname, a.attname, format_type(a.atttypid, a.atttypmod),
      CASE WHEN a.attnotnull THEN ' not null' END, pg_get_expr(d.adbin, d.adrelid)) AS line
    FROM pg_attribute a JOIN pg_class t ON t.oid = a.attrelid
    LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
    WHERE t.relnamespace = 'public'::regnamespace AND t.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
    UNION ALL
    SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'`);
  return rows.map(({ line }) => line).sort();
}

test("what a column lets in is the closed set of the contract", async () => {
  const { rows } = await database.db.pool.query<{ column: string; definition: string }>(`
    SELECT c.conrelid::regclass || '.' || a.attname AS column, pg_get_constraintdef(c.oid) AS definition
    FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
    WHERE c.contype = 'c' AND c.connamespace = 'public'::regnamespace AND pg_get_constraintdef(c.oid) LIKE '%ARRAY[%'`);
  const found = rows.map(({ column, definition }): [string, string[]] => [
    column,
    [...definition.matchAll(/'([^']*)'::text/g)].map((match) => match[1] ?? "").sort(),
  ]);
  const wanted = Object.entries(closedSets).map(([column, values]): [string, string[]] => [column, [...values].sort()]);
  assert.deepEqual(Object.fromEntries(found), Object.fromEntries(wanted));
});

/** Deleting what these refer to may read them as a whole, and why that does not matter. */
const withoutIndex: Record<string, string> = {
  "invitations.invited_by": "a handful of rows",
  "task_executions.squad_snapshot_id": "snapshots are never deleted",
};

test("whoever deletes a row finds those that refer to it by an index", async () => {
  const { rows } = await database.db.pool.query<{ column: string }>(
    `SELECT c.conrelid::regclass || '.' || a.attname AS column
     FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
     WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace AND NOT EXISTS (
       SELECT FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1]
         AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) = format('(%I IS NOT NULL)', a.attname)))
     ORDER BY 1`,
  );
  assert.deepEqual(
    rows.map(({ column }) => column),
    Object.keys(withoutIndex),
  );
});

for (const folder of systemPostgresFolders()) {
  test(`the same tables on PostgreSQL in ${folder}`, async (t) => {
    const server = await startSystemPostgres(folder);
    t.after(() => server.stop());
    const pool = { poolMin: 1, poolMax: 2, idleTimeoutMs: 1000, connectionTimeoutMs: 5000, slowQueryMs: 1000 };
    const admin = await openDatabase({ url: server.url, ...pool });
    await admin.pool.query("CREATE DATABASE muster_schema");
    await admin.close();
    const db = await openDatabase({ url: withDatabase(server.url, "muster_schema"), ...pool });
    try {
      await migrate(db.pool);
      assert.equal((await schemaOf(db)).join("\n"), (await schemaOf(database.db)).join("\n"));
    } finally {
      await db.close();
    }
  });
}
