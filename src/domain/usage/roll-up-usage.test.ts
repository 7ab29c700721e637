import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { seed } from "#db";
import { createTestDatabase, type TestDatabase } from "../../../test/support/database.ts";
import { listSquads } from "../squads/index.ts";
import { rollUpUsage, wholeDays } from "./roll-up-usage.ts";
import { readSpend, summarizeUsage } from "./usage.queries.ts";

let database: TestDatabase;
let userId: string;
const dayMs = 86_400_000;

before(async () => {
  database = await createTestDatabase();
  const owner = { email: "rolled@example.org", name: "Rolled", passwordHash: "!" };
  ({ userId } = await seed(database.db, { owner, messages: 20_000 }));
  // Odd moments: the first and the last instant of a day, an unknown price, a call of this very moment.
  await database.db.pool.query(
    `INSERT INTO llm_usage (id, user_id, provider, model, lane, outcome, cache_result, input_tokens, output_tokens, cost_nano_usd, saved_nano_usd, at)
     SELECT gen_random_uuid(), $1, 'openai', 'edge-' || (n % 3), 'interactive', 'done', CASE WHEN n % 4 = 0 THEN 'hit' ELSE 'miss' END,
       n, n * 2, CASE WHEN n % 5 = 0 THEN NULL ELSE n * 1000 END, n,
       date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' - make_interval(days => n / 2) - make_interval(secs => (n % 2) * 0.000001)
     FROM generate_series(0, 199) n`,
    [userId],
  );
  await database.db.pool.query(
    `INSERT INTO llm_usage (id, user_id, squad_id, provider, model, lane, outcome, cache_result, input_tokens, output_tokens, cost_nano_usd, at)
     SELECT gen_random_uuid(), $1, s.id, 'openai', 'm', 'interactive', 'done', 'miss', 1, 1, CASE WHEN d = 0 THEN NULL ELSE 7 END, now() - make_interval(days => d)
     FROM (SELECT id FROM squads WHERE user_id = $1 ORDER BY id DESC LIMIT 1) s, generate_series(0, 40) d`,
    [userId],
  );
});
after(() => database.drop());

/** The sums as the calls themselves give them. */
async function rawTotals(from: Date, to: Date) {
  const { rows } = await database.db.pool.query(
    `SELECT count(*)::int AS calls, COALESCE(sum(input_tokens), 0)::bigint AS "inputTokens", COALESCE(sum(output_tokens), 0)::bigint AS "outputTokens",
       CASE WHEN count(*) = 0 THEN 0 ELSE sum(cost_nano_usd) END::bigint AS "costNanoUsd", COALESCE(sum(saved_nano_usd), 0)::bigint AS "savedNanoUsd",
       (count(*) FILTER (WHERE cost_nano_usd IS NULL))::int AS "unpricedCalls", (count(*) FILTER (WHERE cache_result = 'hit'))::int AS "cacheHits"
     FROM llm_usage WHERE user_id = $1 AND at >= $2 AND at < $3`,
    [userId, from, to],
  );
  return rows[0];
}

function makeRanges(): { from: Date; to: Date }[] {
  const now = Date.now();
  const today = Math.floor(now / dayMs) * dayMs;
  const pairs: [number, number][] = [
    [today - 30 * dayMs, now + 1_000],
    [today - 30 * dayMs, today],
    [today - 30 * dayMs + 1, today - 3 * dayMs - 1],
    [today - 3 * dayMs + 3_600_000, today - 3 * dayMs + 7_200_000],
    [today - 3 * dayMs + 3_600_000, today - 2 * dayMs + 7_200_000],
    [today - 1, now + 1_000],
    [today, now + 1_000],
    [0, now + dayMs],
    [now + dayMs, now + 2 * dayMs],
  ];
  return pairs.map(([from, to]) => ({ from: new Date(from), to: new Date(to) }));
}

const ranges = makeRanges();
const groups = ["squad", "model", "member", "day"] as const;

async function everything() {
  const summaries = [];
  for (const range of ranges) {
    for (const group of groups) summaries.push(await summarizeUsage(database.db, { userId }, range, group));
  }
  const { data: squads } = await listSquads(database.db, { userId }, { pageSize: 100 });
  return { summaries, spend: await readSpend(database.db, { userId }), squads };
}

test("sums of closed days are exactly those of the calls, in every range, by every group", async () => {
  const before = await everything();
  for (const [index, range] of ranges.entries()) {
    const { total } = before.summaries[index * groups.length] ?? assert.fail();
    const { cacheReadTokens: _, ...shown } = total;
    assert.deepEqual(shown, await rawTotals(range.from, range.to), JSON.stringify(range));
  }
  const now = new Date();
  const month = { from: new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth())), to: new Date(Date.now() + dayMs) };
  const bySquad = await summarizeUsage(database.db, { userId }, month, "squad");
  const spent = new Map(bySquad.rows.map((row) => [row.key, [row.costNanoUsd ?? 0, row.unpricedCalls > 0]]));
  for (const squad of before.squads)
    assert.deepEqual([squad.spentMonthNanoUsd, squad.spentMonthIncomplete], spent.get(squad.id) ?? [0, false]);
  const spenders = before.squads.filter((squad) => squad.spentMonthNanoUsd > 0);
  assert.ok(
    spenders.length > 1 && before.squads.some((squad) => squad.spentMonthIncomplete),
    `${spenders.length} spent`,
  );
  const { rows: calls } = await database.db.pool.query(
    "SELECT count(*)::int AS n FROM llm_usage WHERE at < date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'",
  );
  assert.ok(calls[0].n > 300, `${calls[0].n}`);
  const [added, again] = await Promise.all([rollUpUsage(database.db), rollUpUsage(database.db)]);
  assert.ok(added > 0 || again > 0);
  assert.equal(Math.min(added, again), 0, "only one of two did it");
  assert.equal(await rollUpUsage(database.db), 0);
  assert.deepEqual(await everything(), before);
});

test("whole days of a range", () => {
  const at = (text: string) => new Date(text);
  const days = (from: string, to: string) => wholeDays({ from: at(from), to: at(to) });
  assert.deepEqual(days("2026-03-01T00:00:00Z", "2026-03-03T00:00:00Z"), ["2026-03-01", "2026-03-03"]);
  assert.deepEqual(days("2026-03-01T00:00:00.001Z", "2026-03-03T23:59:59Z"), ["2026-03-02", "2026-03-03"]);
  assert.deepEqual(days("2026-03-01T01:00:00Z", "2026-03-01T02:00:00Z"), ["2026-03-02", "2026-03-02"]);
});
