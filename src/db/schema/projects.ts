import { index, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { instant } from "./column-types.ts";
import { users } from "./users.ts";

export const projects = pgTable(
  "projects",
  {
    id: uuid("id").primaryKey(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    description: text("description").notNull().default(""),
    createdAt: instant("created_at").notNull().defaultNow(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (table) => [index("idx_projects_user_id").on(table.userId, table.id.desc().nullsFirst())],
);
