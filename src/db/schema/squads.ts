import { sql } from "drizzle-orm";
import { boolean, index, integer, jsonb, pgTable, text, unique, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { type ExecutionLimits, squadProcesses, squadStatuses } from "#contracts";
import { instant } from "./column-types.ts";
import { users } from "./users.ts";

export const squads = pgTable(
  "squads",
  {
    id: uuid("id").primaryKey(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    slug: text("slug").notNull(),
    name: text("name").notNull(),
    goal: text("goal").notNull().default(""),
    status: text("status", { enum: squadStatuses }).notNull().default("active"),
    process: text("process", { enum: squadProcesses }).notNull().default("lead"),
    fallbackModels: text("fallback_models").array().notNull().default(sql`'{}'`),
    requireApproval: boolean("require_approval").notNull().default(false),
    limits: jsonb("limits").$type<Partial<ExecutionLimits>>().notNull().default(sql`'{}'`),
    createdAt: instant("created_at").notNull().defaultNow(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (table) => [
    unique("squads_user_id_slug_key").on(table.userId, table.slug),
    index("idx_squads_user_id").on(table.userId),
    index("idx_squads_user_id_status").on(table.userId, table.status),
    index("idx_active_squads").on(table.userId).where(sql`${table.status} = 'active'`),
    index("idx_squads_user_id_id").on(table.userId, table.id.desc().nullsFirst()),
  ],
);

export const squadMembers = pgTable(
  "squad_members",
  {
    id: uuid("id").primaryKey(),
    squadId: uuid("squad_id")
      .notNull()
      .references(() => squads.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    role: text("role").notNull(),
    model: text("model").notNull(),
    instructions: text("instructions").notNull().default(""),
    tools: text("tools").array().notNull().default(sql`'{}'`),
    isLead: boolean("is_lead").notNull().default(false),
    position: integer("position").notNull().default(0),
    avatarKey: text("avatar_key"),
    createdAt: instant("created_at").notNull().defaultNow(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (table) => [
    index("idx_squad_members_squad_id").on(table.squadId, table.position),
    uniqueIndex("idx_squad_members_one_lead").on(table.squadId).where(sql`${table.isLead}`),
  ],
);
