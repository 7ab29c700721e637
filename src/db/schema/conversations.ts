import { index, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { instant } from "./column-types.ts";
import { squadMembers } from "./squads.ts";
import { users } from "./users.ts";

export const conversations = pgTable(
  "conversations",
  {
    id: uuid("id").primaryKey(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    squadMemberId: uuid("squad_member_id").references(() => squadMembers.id, { onDelete: "set null" }),
    model: text("model"),
    title: text("title").notNull().default(""),
    createdAt: instant("created_at").notNull().defaultNow(),
  },
  (table) => [index("idx_conversations_user_id").on(table.userId, table.id.desc().nullsFirst())],
);

export const conversationMessages = pgTable(
  "conversation_messages",
  {
    id: uuid("id").primaryKey(),
    conversationId: uuid("conversation_id")
      .notNull()
      .references(() => conversations.id, { onDelete: "cascade" }),
    role: text("role", { enum: ["user", "assistant"] }).notNull(),
    content: text("content").notNull(),
    createdAt: instant("created_at").notNull().defaultNow(),
  },
  (table) => [index("idx_conversation_messages").on(table.conversationId, table.id)],
);
