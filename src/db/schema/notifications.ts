import { sql } from "drizzle-orm";
import { bigint, doublePrecision, index, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { notificationKinds, webVitalNames } from "#contracts";
import { instant } from "./column-types.ts";
import { taskExecutions } from "./task-executions.ts";
import { users } from "./users.ts";

export const notifications = pgTable(
  "notifications",
  {
    id: uuid("id").primaryKey(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    kind: text("kind", { enum: notificationKinds }).notNull(),
    title: text("title").notNull(),
    body: text("body").notNull().default(""),
    executionId: uuid("execution_id").references(() => taskExecutions.id, { onDelete: "cascade" }),
    createdAt: instant("created_at").notNull().defaultNow(),
    readAt: instant("read_at"),
  },
  (table) => [
    index("idx_notifications_user_id").on(table.userId, table.id),
    index("idx_notifications_unread").on(table.userId).where(sql`${table.readAt} IS NULL`),
  ],
);

export const webVitals = pgTable(
  "web_vitals",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    userId: uuid("user_id").references(() => users.id, { onDelete: "set null" }),
    name: text("name", { enum: webVitalNames }).notNull(),
    value: doublePrecision("value").notNull(),
    page: text("page").notNull(),
    rating: text("rating", { enum: ["good", "needs-improvement", "poor"] }).notNull(),
    at: instant("at").notNull().defaultNow(),
  },
  (table) => [index("idx_web_vitals_at").on(table.at)],
);
