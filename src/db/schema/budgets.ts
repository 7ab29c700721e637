import { sql } from "drizzle-orm";
import { bigint, date, index, pgTable, text, unique, uuid } from "drizzle-orm/pg-core";
import { budgetLevels } from "#contracts";
import { instant } from "./column-types.ts";
import { users } from "./users.ts";

export const budgets = pgTable(
  "budgets",
  {
    id: uuid("id").primaryKey(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    level: text("level", { enum: budgetLevels }).notNull(),
    scopeId: uuid("scope_id").notNull(),
    period: text("period", { enum: ["total", "month"] }).notNull(),
    periodStart: date("period_start").notNull().default(sql`date_trunc('month', now() AT TIME ZONE 'UTC')::date`),
    limitNanoUsd: bigint("limit_nano_usd", { mode: "number" }).notNull(),
    spentNanoUsd: bigint("spent_nano_usd", { mode: "number" }).notNull().default(0),
    reservedNanoUsd: bigint("reserved_nano_usd", { mode: "number" }).notNull().default(0),
    warnedAt: instant("warned_at"),
    createdAt: instant("created_at").notNull().defaultNow(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (table) => [
    unique("budgets_level_scope_id_key").on(table.level, table.scopeId),
    index("idx_budgets_user_id").on(table.userId),
  ],
);

export const budgetReservations = pgTable(
  "budget_reservations",
  {
    id: uuid("id").primaryKey(),
    budgetId: uuid("budget_id")
      .notNull()
      .references(() => budgets.id, { onDelete: "cascade" }),
    llmCallId: uuid("llm_call_id"),
    processId: uuid("process_id"),
    amountNanoUsd: bigint("amount_nano_usd", { mode: "number" }).notNull(),
    spentNanoUsd: bigint("spent_nano_usd", { mode: "number" }).notNull().default(0),
    periodStart: date("period_start").notNull(),
    createdAt: instant("created_at").notNull().defaultNow(),
    expiresAt: instant("expires_at"),
  },
  (table) => [
    index("idx_budget_reservations_call").on(table.llmCallId).where(sql`${table.llmCallId} IS NOT NULL`),
    index("idx_budget_reservations_expires").on(table.expiresAt).where(sql`${table.expiresAt} IS NOT NULL`),
    index("idx_budget_reservations_budget").on(table.budgetId),
    index("idx_budget_reservations_process").on(table.processId).where(sql`${table.processId} IS NOT NULL`),
  ],
);
