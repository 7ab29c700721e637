import { sql } from "drizzle-orm";
import { bigint, boolean, date, index, integer, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { cacheResults, llmLanes } from "#contracts";
import { bytea, instant } from "./column-types.ts";
import { users } from "./users.ts";

export const llmUsage = pgTable(
  "llm_usage",
  {
    id: uuid("id").primaryKey(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    squadId: uuid("squad_id"),
    memberId: uuid("member_id"),
    executionId: uuid("execution_id"),
    llmCallId: uuid("llm_call_id"),
    provider: text("provider").notNull(),
    model: text("model").notNull(),
    accountId: uuid("account_id"),
    lane: text("lane", { enum: llmLanes }).notNull(),
    outcome: text("outcome", { enum: ["done", "failed", "lost", "cancelled"] }).notNull(),
    cacheResult: text("cache_result", { enum: cacheResults }).notNull(),
    inputTokens: integer("input_tokens").notNull(),
    cacheReadTokens: integer("cache_read_tokens").notNull().default(0),
    cacheWriteTokens: integer("cache_write_tokens").notNull().default(0),
    outputTokens: integer("output_tokens").notNull(),
    reasoningTokens: integer("reasoning_tokens").notNull().default(0),
    estimated: boolean("estimated").notNull().default(false),
    costNanoUsd: bigint("cost_nano_usd", { mode: "number" }),
    savedNanoUsd: bigint("saved_nano_usd", { mode: "number" }),
    latencyMs: integer("latency_ms"),
    timeToFirstTokenMs: integer("time_to_first_token_ms"),
    rateWaitMs: integer("rate_wait_ms"),
    at: instant("at").notNull().defaultNow(),
  },
  (table) => [
    index("idx_llm_usage_user_at").on(table.userId, table.at),
    index("idx_llm_usage_at").using("brin", table.at),
    index("idx_llm_usage_execution_id").on(table.executionId).where(sql`${table.executionId} IS NOT NULL`),
  ],
);

export const usageDays = pgTable(
  "usage_days",
  {
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    day: date("day").notNull(),
    squadId: uuid("squad_id"),
    memberId: uuid("member_id"),
    model: text("model").notNull(),
    lane: text("lane").notNull(),
    calls: integer("calls").notNull(),
    inputTokens: bigint("input_tokens", { mode: "number" }).notNull(),
    cacheReadTokens: bigint("cache_read_tokens", { mode: "number" }).notNull(),
    outputTokens: bigint("output_tokens", { mode: "number" }).notNull(),
    costNanoUsd: bigint("cost_nano_usd", { mode: "number" }),
    unpricedCalls: integer("unpriced_calls").notNull(),
    savedNanoUsd: bigint("saved_nano_usd", { mode: "number" }).notNull(),
    cacheHits: integer("cache_hits").notNull(),
  },
  (table) => [index("idx_usage_days_user_day").on(table.userId, table.day)],
);

export const llmCache = pgTable(
  "llm_cache",
  {
    key: bytea("key").primaryKey(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    squadId: uuid("squad_id"),
    model: text("model").notNull(),
    reply: jsonb("reply").$type<unknown>().notNull(),
    bytes: integer("bytes").notNull(),
    createdAt: instant("created_at").notNull().defaultNow(),
    expiresAt: instant("expires_at").notNull(),
  },
  (table) => [
    index("idx_llm_cache_user_model").on(table.userId, table.model),
    index("idx_llm_cache_squad").on(table.squadId).where(sql`${table.squadId} IS NOT NULL`),
    index("idx_llm_cache_expires_at").on(table.expiresAt),
  ],
);
