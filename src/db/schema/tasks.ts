import { sql } from "drizzle-orm";
import { doublePrecision, index, integer, pgTable, text, unique, uuid } from "drizzle-orm/pg-core";
import { taskPriorities, taskStatuses } from "#contracts";
import { bytea, instant } from "./column-types.ts";
import { projects } from "./projects.ts";
import { squads } from "./squads.ts";
import { users } from "./users.ts";

export const tasks = pgTable(
  "tasks",
  {
    id: uuid("id").primaryKey(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    projectId: uuid("project_id")
      .notNull()
      .references(() => projects.id, { onDelete: "cascade" }),
    squadId: uuid("squad_id").references(() => squads.id, { onDelete: "set null" }),
    title: text("title").notNull(),
    description: text("description").notNull().default(""),
    status: text("status", { enum: taskStatuses }).notNull().default("pending"),
    priority: text("priority", { enum: taskPriorities }).notNull().default("medium"),
    position: doublePrecision("position").notNull().default(0),
    createdAt: instant("created_at").notNull().defaultNow(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (table) => [
    index("idx_tasks_squad_id").on(table.squadId),
    index("idx_tasks_project_status_priority").on(table.projectId, table.status, table.priority),
    index("idx_pending_tasks").on(table.squadId, table.priority).where(sql`${table.status} = 'pending'`),
    index("idx_tasks_user_id").on(table.userId, table.id),
    index("idx_tasks_project_id").on(table.projectId, table.id),
  ],
);

export const taskAttachments = pgTable(
  "task_attachments",
  {
    id: uuid("id").primaryKey(),
    taskId: uuid("task_id")
      .notNull()
      .references(() => tasks.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    mediaType: text("media_type").notNull(),
    bytes: integer("bytes").notNull(),
    content: bytea("content").notNull(),
    createdAt: instant("created_at").notNull().defaultNow(),
  },
  (table) => [unique("task_attachments_task_id_name_key").on(table.taskId, table.name)],
);
