import { doublePrecision, pgTable, text } from "drizzle-orm/pg-core";
import { instant } from "./column-types.ts";

export const signInTries = pgTable("sign_in_tries", {
  address: text("address").primaryKey(),
  tokens: doublePrecision("tokens").notNull(),
  at: instant("at").notNull(),
});
