import { integer, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { avatarFormats } from "#contracts";
import { bytea, instant } from "./column-types.ts";
import { users } from "./users.ts";

export const avatars = pgTable(
  "avatars",
  {
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    hash: text("hash").notNull(),
    size: integer("size").notNull(),
    format: text("format", { enum: avatarFormats }).notNull(),
    content: bytea("content").notNull(),
    createdAt: instant("created_at").notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.userId, table.hash, table.size, table.format] })],
);
