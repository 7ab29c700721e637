import { Command } from "commander";
import { loadConfig } from "#config";
import { plural } from "../format.ts";
import type { CommandContext } from "../program.ts";

const examples = `
Examples:
  $ muster migrate                              the embedded database
  $ DATABASE_URL=postgres://… muster migrate    one of your own

"muster up" does this by itself. Migrations only go forward, each in a transaction of its own; several processes may ask
for them at once. Back up first (muster backup) where the data matters.`;

/** `muster migrate`: brings the schema up to date. */
export function migrateCommand(context: CommandContext): Command {
  return new Command("migrate")
    .description("bring the schema of the database up to date")
    .addHelpText("after", examples)
    .action(async () => {
      const config = loadConfig();
      context.config = config;
      const [{ migrate }, { openStore }] = await Promise.all([import("#main"), import("../backup/open-store.ts")]);
      const store = await openStore(config);
      try {
        const { applied, functions } = await migrate(store.db.pool);
        for (const name of applied) process.stdout.write(`applied ${name}\n`);
        if (functions.length > 0)
          process.stdout.write(`brought ${plural(functions.length, "file")} of functions up to date\n`);
        if (applied.length === 0 && functions.length === 0) process.stdout.write("The schema is up to date\n");
      } finally {
        await store.close();
      }
    });
}
