import { integer, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { instant } from "./column-types.ts";

export const workers = pgTable("workers", {
  id: uuid("id").primaryKey(),
  hostKey: text("host_key").notNull(),
  pid: integer("pid").notNull(),
  pidStarted: text("pid_started").notNull(),
  startedAt: instant("started_at").notNull().defaultNow(),
  heartbeatAt: instant("heartbeat_at").notNull().defaultNow(),
});
