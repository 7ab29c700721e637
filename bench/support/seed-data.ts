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
  /** Executions with a page of messages and more, of as many users as have one (at most a hundred), with their keys. */
  conversations: { executionId: string; apiKey: string }[];
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
  const ids = rows.map((row) => row.id);
  await fillPages(db, ids.slice(0, 100));
  await settle(db);
  const { rows: conversations } = await db.pool.query<{ id: string; user_id: string }>(
    `SELECT DISTINCT ON (e.user_id) e.id, e.user_id FROM (SELECT task_execution_id AS id FROM agent_messages GROUP BY 1
       HAVING count(*) BETWEEN 20 AND 1000) m JOIN task_executions e USING (id) ORDER BY e.user_id, e.id LIMIT 100`,
  );
  const keyOf = new Map(ids.map((id, index) => [id, apiKeys[index] ?? ""]));
  const { rows: longest } = await db.pool.query<{ id: string; user_id: string; messages: number }>(
    `SELECT e.id, e.user_id, m.messages FROM (SELECT task_execution_id AS id, count(*)::int AS messages FROM agent_messages GROUP BY 1
       ORDER BY 2 DESC LIMIT 1) m JOIN task_executions e USING (id)`,
  );
  const long = longest[0];
  return {
    apiKeys,
    conversations: conversations.map((row) => ({ executionId: row.id, apiKey: keyOf.get(row.user_id) ?? "" })),
    long: { executionId: long?.id ?? "", messages: long?.messages ?? 0, apiKey: keyOf.get(long?.user_id ?? "") ?? "" },
    elapsedMs,
  };
}

/** What autovacuum would do while it is measured is done before, as in a history that grew in months. */
export async function settle(db: Database): Promise<void> {
  await db.pool.query("VACUUM (ANALYZE)");
  await db.pool.query("CHECKPOINT");
}

/** Gives each of these users a page of ended executions and of notifications, so that no list that is measured is empty. */
async function fillPages(db: Database, userIds: readonly string[]): Promise<void> {
  await db.pool.query(
    `INSERT INTO task_executions (id, user_id, task_id, squad_id, status, end_reason, squad_snapshot_id, task, epoch, llm_calls,
       input_tokens, output_tokens, cost_nano_usd, worked_ms, queued_at, created_at, started_at, ended_at)
     SELECT gen_random_uuid(), u.id, t.id, t.squad_id, 'completed', 'done', x.squad_snapshot_id,
       x.task || jsonb_build_object('id', t.id, 'title', t.title), 1, 5, 6000, 1500, 1800000, 420000, x.queued_at, x.created_at, x.started_at, x.ended_at
     FROM unnest($1::uuid[]) u(id) CROSS JOIN generate_series(1, 20) n
     CROSS JOIN LATERAL (SELECT id, squad_id, title FROM tasks WHERE user_id = u.id ORDER BY id LIMIT 1 OFFSET 0) t
     CROSS JOIN (SELECT * FROM task_executions WHERE status = 'completed' ORDER BY id LIMIT 1) x`,
    [userIds],
  );
  await db.pool.query(
    `INSERT INTO notifications (id, user_id, kind, title, body, execution_id)
     SELECT gen_random_uuid(), e.user_id, 'execution_completed', 'Completed: ' || (e.task->>'title'), 'Its result is ready to be read.', e.id
     FROM task_executions e WHERE e.user_id = ANY($1::uuid[]) AND e.llm_calls = 5 AND e.last_seq = 0`,
    [userIds],
  );
}
