import { sql } from "drizzle-orm";
import { boolean, date, index, integer, pgTable, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { userRoles } from "#contracts";
import { bytea, instant } from "./column-types.ts";

export const users = pgTable(
  "users",
  {
    id: uuid("id").primaryKey(),
    email: text("email").notNull(),
    name: text("name").notNull(),
    passwordHash: text("password_hash").notNull(),
    role: text("role", { enum: userRoles }).notNull().default("member"),
    avatarKey: text("avatar_key"),
    createdAt: instant("created_at").notNull().defaultNow(),
  },
  (table) => [uniqueIndex("idx_users_email").on(sql`lower(${table.email})`)],
);

export const sessions = pgTable(
  "sessions",
  {
    id: uuid("id").primaryKey(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    tokenHash: bytea("token_hash").notNull().unique("sessions_token_hash_key"),
    userAgent: text("user_agent"),
    createdAt: instant("created_at").notNull().defaultNow(),
    lastSeenAt: instant("last_seen_at").notNull().defaultNow(),
    expiresAt: instant("expires_at").notNull(),
  },
  (table) => [index("idx_sessions_user_id").on(table.userId)],
);

export const apiKeys = pgTable(
  "api_keys",
  {
    id: uuid("id").primaryKey(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    tokenHash: bytea("token_hash").notNull().unique("api_keys_token_hash_key"),
    prefix: text("prefix").notNull(),
    createdAt: instant("created_at").notNull().defaultNow(),
    lastUsedAt: instant("last_used_at"),
    revokedAt: instant("revoked_at"),
  },
  (table) => [index("idx_api_keys_user_id").on(table.userId)],
);

export const invitations = pgTable("invitations", {
  id: uuid("id").primaryKey(),
  invitedBy: uuid("invited_by")
    .notNull()
    .references(() => users.id, { onDelete: "cascade" }),
  email: text("email").notNull(),
  tokenHash: bytea("token_hash").notNull().unique("invitations_token_hash_key"),
  createdAt: instant("created_at").notNull().defaultNow(),
  expiresAt: instant("expires_at").notNull(),
  acceptedAt: instant("accepted_at"),
});

export const installation = pgTable("installation", {
  id: boolean("id").primaryKey().default(true),
  claimCodeHash: bytea("claim_code_hash"),
  claimedAt: instant("claimed_at"),
  createdAt: instant("created_at").notNull().defaultNow(),
  maintainedAt: instant("maintained_at"),
  journalDays: integer("journal_days").notNull().default(30),
  economyHolder: uuid("economy_holder"),
  economyUntil: instant("economy_until"),
  usageRolledUntil: date("usage_rolled_until"),
});
