import { sql } from "drizzle-orm";
import { bigint, index, integer, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { batchJobStates, deferredCallEnds } from "#contracts";
import { instant } from "./column-types.ts";
import { taskExecutions } from "./task-executions.ts";
import { users } from "./users.ts";

export const llmRateWindows = pgTable("llm_rate_windows", {
  key: text("key").primaryKey(),
  pausedUntil: instant("paused_until"),
});

export const llmRateLeases = pgTable(
  "llm_rate_leases",
  {
    id: uuid("id").primaryKey(),
    key: text("key")
      .notNull()
      .references(() => llmRateWindows.key, { onDelete: "cascade" }),
    amount: integer("amount").notNull(),
    countsUntil: instant("counts_until").notNull(),
  },
  (table) => [index("idx_llm_rate_leases_key").on(table.key)],
);

export const llmBatches = pgTable(
  "llm_batches",
  {
    id: uuid("id").primaryKey(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    accountId: text("account_id").notNull(),
    provider: text("provider").notNull(),
    model: text("model").notNull(),
    providerBatchId: text("provider_batch_id"),
    state: text("state", { enum: batchJobStates }).notNull(),
    calls: integer("calls").notNull(),
    doneCalls: integer("done_calls").notNull().default(0),
    failedCalls: integer("failed_calls").notNull().default(0),
    /** Submissions that may have reached the provider; how many calls the last had, and when it was sent. */
    attempts: integer("attempts").notNull().default(0),
    sentCalls: integer("sent_calls"),
    sentAt: instant("sent_at"),
    /** The provider's ids of batches that looked like this one and were not. */
    foreignIds: text("foreign_ids").array().notNull().default(sql`'{}'`),
    error: text("error"),
    deadlineAt: instant("deadline_at").notNull(),
    submittedAt: instant("submitted_at"),
    endedAt: instant("ended_at"),
    createdAt: instant("created_at").notNull().defaultNow(),
  },
  (table) => [
    index("idx_llm_batches_user_id").on(table.userId, table.id.desc().nullsFirst()),
    index("idx_llm_batches_open").on(table.state).where(sql`${table.state} IN ('submitting', 'running', 'cancelling')`),
  ],
);

export const llmEconomyCalls = pgTable(
  "llm_economy_calls",
  {
    key: text("key").primaryKey(),
    userId: uuid("user_id").references(() => users.id, { onDelete: "cascade" }),
    executionId: uuid("execution_id").references(() => taskExecutions.id, { onDelete: "cascade" }),
    callId: uuid("call_id"),
    accountId: text("account_id").notNull(),
    provider: text("provider"),
    model: text("model"),
    llmBatchId: uuid("llm_batch_id").references(() => llmBatches.id, { onDelete: "set null" }),
    /** Of the version before; `llm_batches` holds it now. */
    batchId: text("batch_id"),
    state: text("state", { enum: ["waiting", "submitted", "done", "failed", "live", "cancelled"] }).notNull(),
    request: text("request"),
    booking: jsonb("booking").$type<unknown>(),
    result: text("result"),
    deadlineAt: instant("deadline_at"),
    /** The most its batch can cost, and under which id it is held against the budgets once the call has left it. */
    mostNanoUsd: bigint("most_nano_usd", { mode: "number" }),
    holdId: uuid("hold_id"),
    /** Since when a live request of it is under way whose end is not booked. */
    liveAt: instant("live_at"),
    submittedAt: instant("submitted_at"),
    createdAt: instant("created_at").notNull().defaultNow(),
  },
  (table) => [
    index("idx_llm_economy_calls_call_id").on(table.callId),
    index("idx_llm_economy_calls_created_at").on(table.createdAt),
    index("idx_llm_economy_calls_open")
      .on(table.userId, table.accountId, table.model, table.createdAt)
      .where(sql`${table.state} IN ('waiting', 'submitted')`),
    index("idx_llm_economy_calls_held").on(table.key).where(sql`${table.holdId} IS NOT NULL`),
    index("idx_llm_economy_calls_batch").on(table.llmBatchId),
    index("idx_llm_economy_calls_execution_id").on(table.executionId),
  ],
);

export const deferredCalls = pgTable(
  "deferred_calls",
  {
    id: uuid("id").primaryKey(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    model: text("model").notNull(),
    cache: text("cache", { enum: ["auto", "force", "off"] }).notNull(),
    request: text("request").notNull(),
    state: text("state", { enum: ["waiting", ...deferredCallEnds] })
      .notNull()
      .default("waiting"),
    deadlineAt: instant("deadline_at").notNull(),
    holder: uuid("holder"),
    heldUntil: instant("held_until"),
    answer: text("answer"),
    errorCode: text("error_code"),
    error: text("error"),
    createdAt: instant("created_at").notNull().defaultNow(),
    endedAt: instant("ended_at"),
  },
  (table) => [
    index("idx_deferred_calls_user_id").on(table.userId, table.id),
    index("idx_deferred_calls_waiting").on(table.deadlineAt).where(sql`${table.state} = 'waiting'`),
  ],
);
