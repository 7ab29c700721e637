import { Command } from "commander";
import { loadConfig } from "#config";
import type { OpenStore } from "../backup/open-store.ts";
import { CommandError, usageError } from "../exit.ts";
import type { CommandContext } from "../program.ts";

const examples = `
Examples:
  $ muster token create                                     for the owner
  $ muster token create --name "nightly job" --user ann@example.com
  $ curl -H "Authorization: Bearer $(muster token create)" http://127.0.0.1:3000/api/v1/me

The token alone goes to standard output. It is stored as a hash: whoever loses it makes another. Whoever has it may do
what the user may; revoke it in the settings of the UI, or with DELETE /api/v1/api-keys/ID.`;

const nameCharacters = 120;

/** `muster token`: keys of the API. */
export function tokenCommand(context: CommandContext): Command {
  const create = new Command("create")
    .description("make an API key and print it, once")
    .option("-n, --name <name>", "what it is for", "Command line")
    .option("-u, --user <email>", "whose key it is (default: the owner's)")
    .addHelpText("after", examples)
    .action(async ({ name, user }: { name: string; user?: string }) => {
      if (name.trim() === "" || name.length > nameCharacters) {
        throw usageError(`a name has 1 to ${nameCharacters} characters`);
      }
      const config = loadConfig();
      context.config = config;
      const { createApiKey, migrate } = await import("#main");
      const { openStore } = await import("../backup/open-store.ts");
      const store = await openStore(config);
      try {
        await migrate(store.db.pool);
        const userId = await findUser(store, user);
        const { apiKey, token } = await createApiKey(store.db, { userId }, name);
        process.stderr.write(`API key "${apiKey.name}", shown this once:\n`);
        process.stdout.write(`${token}\n`);
      } finally {
        await store.close();
      }
    });
  return new Command("token").description("keys of the API").addHelpText("after", examples).addCommand(create);
}

async function findUser(store: OpenStore, email: string | undefined): Promise<string> {
  const { ensureOwner, findUserByEmail } = await import("#main");
  if (email === undefined) return (await ensureOwner(store.db)).id;
  const user = await findUserByEmail(store.db, email);
  if (user === null) throw new CommandError(`nobody here has the e-mail ${email}`);
  return user.id;
}
