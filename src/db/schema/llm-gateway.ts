import { index, integer, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { instant } from "./column-types.ts";

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

export const llmEconomyCalls = pgTable(
  "llm_economy_calls",
  {
    key: text("key").primaryKey(),
    accountId: text("account_id").notNull(),
    batchId: text("batch_id"),
    state: text("state", { enum: ["waiting", "submitted", "done", "failed"] }).notNull(),
    result: text("result"),
    submittedAt: instant("submitted_at"),
    createdAt: instant("created_at").notNull().defaultNow(),
  },
  (table) => [index("idx_llm_economy_calls_created_at").on(table.createdAt)],
);
