import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "#config";
import { createSecretBox, installationKey, readProviderCredentials } from "#main";
import type { OpenStore } from "../backup/open-store.ts";
import { plural } from "../format.ts";
import { type Finding, findingsOf } from "./finding.ts";

/** Whether the key of this installation opens the provider keys that users have stored. */
export async function checkStoredKeys(config: Config, { db }: OpenStore): Promise<Finding[]> {
  const { found, add } = findingsOf("models");
  const { rows } = await db.pool.query<{ count: number }>(
    "SELECT count(*)::int AS count FROM provider_accounts WHERE enabled AND key_encrypted IS NOT NULL",
  );
  const count = rows[0]?.count ?? 0;
  if (count === 0) return found;
  const path = join(config.dataDir, "secret.key");
  if (config.secretKey === null && !existsSync(path)) {
    add(
      "problem",
      `${plural(count, "stored provider key")} and no key to open them`,
      `restore ${path}, or set MUSTER_SECRET_KEY`,
    );
    return found;
  }
  const unreadable: string[] = [];
  const box = createSecretBox(installationKey(config.dataDir, config.secretKey));
  await readProviderCredentials(db, null, box, (account) => unreadable.push(account.name));
  if (unreadable.length === 0) add("ok", `${plural(count, "stored provider key")} can be opened`);
  else {
    add(
      "problem",
      `stored provider keys cannot be opened: ${unreadable.join(", ")}`,
      "set the MUSTER_SECRET_KEY they were stored with (or unset it), or store them again",
    );
  }
  return found;
}
