import type pg from "pg";
import { defaultExecutionLimits } from "#contracts";
import type { Database } from "../open-database.ts";
import { demoScale, loadScale, type Scale } from "./scale.ts";
import { seedId, seedIdSql } from "./seed-id.ts";
import { messagesText, prepare, statements } from "./statements.ts";
import { memberRoles, messageTexts, squadNames, stepTitles, taskTitles } from "./texts.ts";

export interface SeedOptions {
  /** Messages of a load test, with 1,000 users, 5,000 squads, 25,000 members and 20,000 tasks. Absent: a small demo. */
  messages?: number;
  /** Who gets the demo (in a load test: the data of the first user): an account that exists, or one that is made. */
  owner: { userId: string } | { email: string; name: string; passwordHash: string };
  /** The seeded history ends then; the database's time when absent. */
  until?: Date;
  onProgress?: (line: string) => void;
}

export interface SeedResult {
  /** Names this seed: demo or load, its size and its owner. With `seedId` it gives the id of everything in it. */
  name: string;
  /** Of the first user. */
  userId: string;
  scale: Scale;
  /** Rows added to each table; 0 where everything was there. */
  added: Record<string, number>;
  elapsedMs: number;
}

const textCount = 400;
const messagesPerStatement = 100_000;
const periodDays = 60;

interface Plan {
  name: string;
  slug: string;
  scale: Scale;
}

function planOf({ messages, owner }: SeedOptions): Plan {
  if (messages !== undefined && !(Number.isInteger(messages) && messages > 0)) {
    throw new RangeError(`A seed of ${messages} messages cannot be made: give a whole number from 1`);
  }
  const slug = messages === undefined ? "demo" : `load-${messages}`;
  const name = "userId" in owner ? `${slug}-${owner.userId}` : slug;
  return { name, slug, scale: messages === undefined ? demoScale : loadScale(messages) };
}

async function fillParameters(
  client: pg.PoolClient,
  plan: Plan,
  userId: string,
  until: Date | undefined,
): Promise<void> {
  const { name, slug, scale } = plan;
  await client.query(seedIdSql(name));
  const rest = scale.messages - scale.longestMessages;
  await client.query(
    `CREATE TEMP TABLE seed_scale ON COMMIT DROP AS SELECT s.*, $2::uuid AS first_user_id, COALESCE($3::timestamptz, now()) AS until,
       make_interval(days => $4::integer) AS period, $5::jsonb AS limits, $6::bigint AS rest, $7::bigint AS texts, $8::text AS name, $9::text AS slug
     FROM jsonb_to_record($1::jsonb) AS s(users bigint, squads bigint, members_per_squad integer, squads_per_project bigint,
       tasks bigint, executions bigint, messages bigint, longest_messages bigint, users_with_many bigint, many_squads bigint, few_squads bigint)`,
    [
      snakeCase(scale),
      userId,
      until ?? null,
      periodDays,
      JSON.stringify(defaultExecutionLimits),
      rest,
      textCount,
      name,
      slug,
    ],
  );
  await client.query(
    "CREATE TEMP TABLE seed_texts ON COMMIT DROP AS SELECT (ordinality - 1) AS n, content FROM unnest($1::text[]) WITH ORDINALITY AS t(content, ordinality)",
    [messageTexts(textCount)],
  );
  const words = {
    squad: squadNames,
    task: taskTitles,
    step: stepTitles,
    role: memberRoles.map(({ role }) => role),
    member: memberRoles.map(({ name }) => name),
  };
  await client.query("CREATE TEMP TABLE seed_words (kind text PRIMARY KEY, words text[] NOT NULL) ON COMMIT DROP");
  for (const [kind, list] of Object.entries(words))
    await client.query("INSERT INTO seed_words VALUES ($1, $2)", [kind, list]);
}

function snakeCase(scale: Scale): string {
  const entries = Object.entries(scale).map(([name, value]) => [
    name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    value,
  ]);
  return JSON.stringify(Object.fromEntries(entries));
}

async function findOwner(client: pg.PoolClient, name: string, owner: SeedOptions["owner"]): Promise<string> {
  if ("userId" in owner) return owner.userId;
  const id = seedId(name, "user", 0);
  await client.query(
    "INSERT INTO users (id, email, name, password_hash) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
    [id, owner.email, owner.name, owner.passwordHash],
  );
  const { rows } = await client.query<{ id: string }>("SELECT id FROM users WHERE lower(email) = lower($1)", [
    owner.email,
  ]);
  return rows[0]?.id ?? id;
}

async function insertAll(
  client: pg.PoolClient,
  scale: Scale,
  report: (what: string, rows: number) => void,
): Promise<void> {
  await client.query(prepare);
  for (const { what, text } of statements) {
    const result: pg.QueryResult | pg.QueryResult[] = await client.query(text);
    report(what, (Array.isArray(result) ? result.at(-1)?.rowCount : result.rowCount) ?? 0);
  }
  for (let first = 0; first < scale.messages; first += messagesPerStatement) {
    const end = Math.min(scale.messages, first + messagesPerStatement);
    report("agent_messages", (await client.query(messagesText, [first, end])).rowCount ?? 0);
  }
}

/**
 * Fills the database with a history that looks lived in: all of it, or nothing. The same options give the same rows, and
 * a second run adds none. Nothing in it is queued or running, so no worker takes it up.
 */
export async function seed(db: Database, options: SeedOptions): Promise<SeedResult> {
  const started = performance.now();
  const plan = planOf(options);
  const added: Record<string, number> = {};
  const report = (what: string, rows: number): void => {
    added[what] = (added[what] ?? 0) + rows;
    options.onProgress?.(`${what}: ${added[what]} added`);
  };
  const userId = await db.transaction(async ({ client }) => {
    // One statement may take minutes here; the limit of ordinary queries does not count.
    await client.query("SET LOCAL statement_timeout = 0");
    const owner = await findOwner(client, plan.name, options.owner);
    await fillParameters(client, plan, owner, options.until);
    await insertAll(client, plan.scale, report);
    // Its calls lie in days that may be summed up already: all of it is summed up anew.
    await client.query("UPDATE installation SET usage_rolled_until = NULL");
    await client.query("DELETE FROM usage_days");
    return owner;
  });
  await db.pool.query("ANALYZE");
  return { name: plan.name, userId, scale: plan.scale, added, elapsedMs: performance.now() - started };
}
