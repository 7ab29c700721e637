import { sql } from "drizzle-orm";
import { bigint, boolean, index, integer, jsonb, pgTable, primaryKey, text, unique, uuid } from "drizzle-orm/pg-core";
import {
  endReasons,
  executionStatuses,
  llmLanes,
  messageStatuses,
  stepKinds,
  stepStatuses,
  type TaskSnapshot,
} from "#contracts";
import { bytea, instant } from "./column-types.ts";
import { squads } from "./squads.ts";
import { tasks } from "./tasks.ts";
import { users } from "./users.ts";

export const taskExecutions = pgTable(
  "task_executions",
  {
    id: uuid("id").primaryKey(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    taskId: uuid("task_id")
      .notNull()
      .references(() => tasks.id, { onDelete: "cascade" }),
    squadId: uuid("squad_id").references(() => squads.id, { onDelete: "set null" }),
    status: text("status", { enum: executionStatuses }).notNull().default("queued"),
    endReason: text("end_reason", { enum: endReasons }),
    error: text("error"),
    squadSnapshotId: bytea("squad_snapshot_id")
      .notNull()
      .references(() => squadSnapshots.id),
    task: jsonb("task").$type<TaskSnapshot>().notNull(),
    lane: text("lane", { enum: llmLanes }).notNull().default("background"),
    traceparent: text("traceparent"),
    epoch: integer("epoch").notNull().default(0),
    workerId: uuid("worker_id"),
    commitNo: integer("commit_no").notNull().default(0),
    claimsWithoutProgress: integer("claims_without_progress").notNull().default(0),
    lastSeq: bigint("last_seq", { mode: "number" }).notNull().default(0),
    cancelRequestedAt: instant("cancel_requested_at"),
    pauseRequestedAt: instant("pause_requested_at"),
    llmCalls: integer("llm_calls").notNull().default(0),
    toolCalls: integer("tool_calls").notNull().default(0),
    inputTokens: bigint("input_tokens", { mode: "number" }).notNull().default(0),
    outputTokens: bigint("output_tokens", { mode: "number" }).notNull().default(0),
    costNanoUsd: bigint("cost_nano_usd", { mode: "number" }).notNull().default(0),
    costIncomplete: boolean("cost_incomplete").notNull().default(false),
    workedMs: bigint("worked_ms", { mode: "number" }).notNull().default(0),
    runningSince: instant("running_since"),
    queuedAt: instant("queued_at").notNull().defaultNow(),
    resultMessageId: uuid("result_message_id"),
    createdAt: instant("created_at").notNull().defaultNow(),
    startedAt: instant("started_at"),
    endedAt: instant("ended_at"),
    compactedAt: instant("compacted_at"),
  },
  (table) => [
    index("idx_executions_to_compact")
      .on(table.endedAt)
      .where(sql`${table.endedAt} IS NOT NULL AND ${table.compactedAt} IS NULL`),
    index("idx_executions_squad_status_created").on(table.squadId, table.status, table.createdAt),
    index("idx_executions_user_id").on(table.userId, table.id),
    index("idx_executions_user_status").on(table.userId, table.status, table.id),
    index("idx_executions_task_id").on(table.taskId, table.id),
    index("idx_executions_queued").on(table.queuedAt, table.id).where(sql`${table.status} = 'queued'`),
    index("idx_executions_running").on(table.workerId).where(sql`${table.status} = 'running'`),
  ],
);

export const executionSteps = pgTable(
  "execution_steps",
  {
    id: uuid("id").primaryKey(),
    executionId: uuid("execution_id")
      .notNull()
      .references(() => taskExecutions.id, { onDelete: "cascade" }),
    key: text("key").notNull(),
    kind: text("kind", { enum: stepKinds }).notNull(),
    ordinal: integer("ordinal").notNull(),
    title: text("title").notNull(),
    memberId: uuid("member_id"),
    dependsOn: text("depends_on").array().notNull().default(sql`'{}'`),
    doneCriterion: text("done_criterion").notNull().default(""),
    status: text("status", { enum: stepStatuses }).notNull().default("pending"),
    attempt: integer("attempt").notNull().default(0),
    outputMessageId: uuid("output_message_id"),
    data: jsonb("data").$type<Record<string, unknown>>(),
    error: text("error"),
    startedAt: instant("started_at"),
    endedAt: instant("ended_at"),
  },
  (table) => [unique("execution_steps_execution_id_key_key").on(table.executionId, table.key)],
);

export const agentMessages = pgTable(
  "agent_messages",
  {
    id: uuid("id").primaryKey(),
    taskExecutionId: uuid("task_execution_id")
      .notNull()
      .references(() => taskExecutions.id, { onDelete: "cascade" }),
    stepId: uuid("step_id"),
    memberId: uuid("member_id"),
    role: text("role", { enum: ["assistant", "tool", "user"] }).notNull(),
    status: text("status", { enum: messageStatuses }).notNull(),
    model: text("model"),
    content: text("content").notNull(),
    toolCalls: jsonb("tool_calls").$type<unknown[]>(),
    inputTokens: integer("input_tokens"),
    outputTokens: integer("output_tokens"),
    createdAt: instant("created_at").notNull().defaultNow(),
  },
  (table) => [index("idx_agent_messages_execution_id").on(table.taskExecutionId, table.id)],
);

/** The events of one commit; the view `execution_events` shows them one by one. */
export const executionEventBatches = pgTable(
  "execution_event_batches",
  {
    executionId: uuid("execution_id")
      .notNull()
      .references(() => taskExecutions.id, { onDelete: "cascade" }),
    lastSeq: bigint("last_seq", { mode: "number" }).notNull(),
    at: instant("at").notNull(),
    events: integer("events").notNull(),
    ids: uuid("ids").array().notNull(),
    body: text("body").notNull(),
  },
  (table) => [primaryKey({ columns: [table.executionId, table.lastSeq] })],
);

export const squadSnapshots = pgTable("squad_snapshots", {
  id: bytea("id").primaryKey(),
  snapshot: jsonb("snapshot").notNull(),
  createdAt: instant("created_at").notNull().defaultNow(),
});
