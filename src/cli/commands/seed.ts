import { Command, InvalidArgumentError } from "commander";
import { loadConfig } from "#config";
import { formatCount, formatElapsed } from "../format.ts";
import type { CommandContext } from "../program.ts";

const examples = `
Examples:
  $ muster seed                         squads, tasks and finished executions to look around in
  $ muster seed --messages 1000000      for load tests: 1,000 users, 5,000 squads, a million messages

The same command gives the same rows; a second run adds none. Everything belongs to the installation's owner (of a load
test: the first user does). Nothing in it is queued or running.`;

function parseMessages(text: string): number {
  const messages = Number(text);
  if (!/^\d+$/.test(text) || messages < 1 || messages > 100_000_000) {
    throw new InvalidArgumentError("Give a whole number from 1 to 100000000.");
  }
  return messages;
}

/** `muster seed`: demo data, or the data of a load test. */
export function seedCommand(context: CommandContext): Command {
  return new Command("seed")
    .description("fill the database with a demo, or with the data of a load test")
    .option("--messages <n>", "size of a load test", parseMessages)
    .addHelpText("after", examples)
    .action(async ({ messages }: { messages?: number }) => {
      const config = loadConfig();
      context.config = config;
      const { ensureOwner, migrate, seed } = await import("#main");
      const { openStore } = await import("../backup/open-store.ts");
      const store = await openStore(config);
      try {
        await migrate(store.db.pool);
        const { id: userId } = await ensureOwner(store.db);
        const result = await seed(store.db, {
          owner: { userId },
          ...(messages === undefined ? {} : { messages }),
          ...(process.stderr.isTTY ? { onProgress: (line: string) => process.stderr.write(`${line}\n`) } : {}),
        });
        const added = Object.entries(result.added).filter(([, rows]) => rows > 0);
        for (const [table, rows] of added) process.stdout.write(`${table.padEnd(20)} ${formatCount(rows)}\n`);
        const elapsed = formatElapsed(result.elapsedMs);
        process.stdout.write(added.length === 0 ? "Everything was there already\n" : `Added in ${elapsed}\n`);
      } finally {
        await store.close();
      }
    });
}
