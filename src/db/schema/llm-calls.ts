import { bigint, index, integer, jsonb, pgTable, text, unique, uuid } from "drizzle-orm/pg-core";
import { cacheResults, llmCallStates, toolCallStates, toolClasses } from "#contracts";
import { bytea, instant } from "./column-types.ts";
import { taskExecutions } from "./task-executions.ts";

export const llmCalls = pgTable(
  "llm_calls",
  {
    id: uuid("id").primaryKey(),
    executionId: uuid("execution_id")
      .notNull()
      .references(() => taskExecutions.id, { onDelete: "cascade" }),
    stepId: uuid("step_id").notNull(),
    key: text("key").notNull(),
    epoch: integer("epoch").notNull(),
    state: text("state", { enum: llmCallStates }).notNull(),
    messageId: uuid("message_id").notNull(),
    provider: text("provider").notNull(),
    model: text("model").notNull(),
    requestHash: bytea("request_hash"),
    inputTokens: integer("input_tokens").notNull().default(0),
    maxOutputTokens: integer("max_output_tokens").notNull().default(0),
    reservedNanoUsd: bigint("reserved_nano_usd", { mode: "number" }),
    cacheResult: text("cache_result", { enum: cacheResults }),
    response: jsonb("response").$type<Record<string, unknown>>(),
    error: text("error"),
    trimmed: jsonb("trimmed").$type<unknown>(),
    attempts: integer("attempts").notNull().default(1),
    latencyMs: integer("latency_ms"),
    timeToFirstTokenMs: integer("time_to_first_token_ms"),
    rateWaitMs: integer("rate_wait_ms"),
    startedAt: instant("started_at").notNull().defaultNow(),
    endedAt: instant("ended_at"),
  },
  (table) => [index("idx_llm_calls_execution_id").on(table.executionId)],
);

export const toolCalls = pgTable(
  "tool_calls",
  {
    id: uuid("id").primaryKey(),
    executionId: uuid("execution_id")
      .notNull()
      .references(() => taskExecutions.id, { onDelete: "cascade" }),
    stepId: uuid("step_id").notNull(),
    key: text("key").notNull(),
    epoch: integer("epoch").notNull(),
    memberId: uuid("member_id").notNull(),
    tool: text("tool").notNull(),
    class: text("class", { enum: toolClasses }).notNull(),
    arguments: text("arguments").notNull(),
    state: text("state", { enum: toolCallStates }).notNull(),
    result: text("result"),
    startedAt: instant("started_at").notNull().defaultNow(),
    endedAt: instant("ended_at"),
  },
  (table) => [unique("tool_calls_execution_id_step_id_key_key").on(table.executionId, table.stepId, table.key)],
);
