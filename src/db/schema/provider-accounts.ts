import { sql } from "drizzle-orm";
import { boolean, integer, jsonb, pgTable, text, unique, uuid } from "drizzle-orm/pg-core";
import { providerKinds, providerWires } from "#contracts";
import { bytea, instant } from "./column-types.ts";
import { users } from "./users.ts";

export const providerAccounts = pgTable(
  "provider_accounts",
  {
    id: uuid("id").primaryKey(),
    userId: uuid("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    kind: text("kind", { enum: providerKinds }).notNull(),
    wire: text("wire", { enum: providerWires }).notNull().default("chat"),
    name: text("name").notNull(),
    baseUrl: text("base_url"),
    keyEncrypted: bytea("key_encrypted"),
    keyHint: text("key_hint"),
    models: text("models").array().notNull().default(sql`'{}'`),
    allowPrivateAddress: boolean("allow_private_address").notNull().default(false),
    requestsPerMinute: integer("requests_per_minute"),
    tokensPerMinute: integer("tokens_per_minute"),
    priceOverrides: jsonb("price_overrides").$type<Record<string, unknown>>().notNull().default(sql`'{}'`),
    enabled: boolean("enabled").notNull().default(true),
    createdAt: instant("created_at").notNull().defaultNow(),
    updatedAt: instant("updated_at").notNull().defaultNow(),
  },
  (table) => [unique("provider_accounts_user_id_name_key").on(table.userId, table.name)],
);
