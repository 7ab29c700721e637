import type { Database } from "#db";
import { seed } from "#db";
import { createApiKey } from "#domain";

/** Messages of the made-up history; users, squads, members and tasks are always 1,000, 5,000, 25,000 and 20,000. */
export interface SeedSize {
  messages: number;
}

/** The size that the targets speak of. */
export const fullSize: SeedSize = { messages: 1_000_000 };
export const smallSize: SeedSize = { messages: 20_000 };

export interface Seeded {
  /** One for each user; the first hundred users have more than a page of squads. */
  apiKeys: string[];
  /** The execution with a tenth of all messages, and its owner's key. */
  long: { executionId: string; messages: number; apiKey: string };
  elapsedMs: number;
}

const parallelKeys = 8;

/** Fills an installation with the history of `muster seed` and makes a key for every user of it. */
export async function seedData(db: Database, size: SeedSize): Promise<Seeded> {
  const owner = { email: "bench@example.org", name: "Bench", passwordHash: "!" };
  const { elapsedMs } = await seed(db, { messages: size.messages, owner });
  const { rows } = await db.pool.query<{ id: string }>(
    "SELECT u.id FROM users u JOIN (SELECT user_id, count(*) AS squads FROM squads GROUP BY 1) s ON s.user_id = u.id ORDER BY s.squads DESC, u.id",
  );
  const apiKeys = new Array<string>(rows.length);
  const indexes = rows.keys();
  const make = async () => {
    for (const index of indexes) {
      apiKeys[index] = (await createApiKey(db, { userId: rows[index]?.id ?? "" }, "bench")).token;
    }
  };
  await Promise.all(Array.from({ length: parallelKeys }, make));
  const { rows: longest } = await db.pool.query<{ id: string; user_id: string; messages: number }>(
    `SELECT e.id, e.user_id, m.messages FROM (SELECT task_execution_id AS id, count(*)::int AS messages FROM agent_messages GROUP BY 1
       ORDER BY 2 DESC LIMIT 1) m JOIN task_executions e USING (id)`,
  );
  const long = longest[0];
  const longOwner = rows.findIndex((row) => row.id === long?.user_id);
  return {
    apiKeys,
    long: { executionId: long?.id ?? "", messages: long?.messages ?? 0, apiKey: apiKeys[longOwner] ?? "" },
    elapsedMs,
  };
}
