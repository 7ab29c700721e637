import type { Database } from "#db";

/** A day is closed when no transaction that began in it can still be open. */
const closedAfterMinutes = 60;

/**
 * Sums up the calls of days (UTC) that are over and were not summed up yet; part of the housekeeping, safe to run twice at once.
 * Returns the number of sums that were added.
 */
export async function rollUpUsage(db: Database): Promise<number> {
  return db.transaction(async (transaction) => {
    const { rows } = await transaction.query<{ from: string | null; until: string }>(
      "usage_roll_begin",
      `SELECT usage_rolled_until AS "from", ((now() - make_interval(mins => $1)) AT TIME ZONE 'UTC')::date AS until
       FROM installation FOR UPDATE`,
      [closedAfterMinutes],
    );
    const turn = rows[0];
    if (!turn || (turn.from !== null && turn.from >= turn.until)) return 0;
    const { rowCount } = await transaction.query(
      "usage_roll",
      `INSERT INTO usage_days (user_id, day, squad_id, member_id, model, lane, calls, input_tokens, cache_read_tokens, output_tokens,
         cost_nano_usd, unpriced_calls, saved_nano_usd, cache_hits)
       SELECT u.user_id, (u.at AT TIME ZONE 'UTC')::date, u.squad_id, u.member_id, u.model, u.lane, count(*), sum(u.input_tokens),
         sum(u.cache_read_tokens), sum(u.output_tokens), sum(u.cost_nano_usd), count(*) FILTER (WHERE u.cost_nano_usd IS NULL),
         COALESCE(sum(u.saved_nano_usd), 0), count(*) FILTER (WHERE u.cache_result = 'hit')
       FROM llm_usage u
       WHERE u.at >= COALESCE($1::date, '-infinity')::timestamp AT TIME ZONE 'UTC' AND u.at < $2::date::timestamp AT TIME ZONE 'UTC'
       GROUP BY 1, 2, 3, 4, 5, 6`,
      [turn.from, turn.until],
    );
    await transaction.query("usage_roll_end", "UPDATE installation SET usage_rolled_until = $1::date", [turn.until]);
    return rowCount ?? 0;
  });
}

/**
 * A range of one user's bill as rows to be summed up, for `FROM`: sums of whole closed days and single calls at the edges and of
 * open days. Needs the parameters user ($1), from ($2), to ($3), and the first and the end of the whole days in between as dates
 * ($4, $5; see `wholeDays`). Columns as in `usage_days`.
 */
export const usageRowsSql = `(
  SELECT squad_id, member_id, model, day, calls, input_tokens, cache_read_tokens, output_tokens, cost_nano_usd, unpriced_calls,
    saved_nano_usd, cache_hits
  FROM usage_days WHERE user_id = $1 AND day >= $4::date AND day < (SELECT LEAST($5::date, COALESCE(usage_rolled_until, '-infinity')) FROM installation)
  UNION ALL
  SELECT squad_id, member_id, model, (at AT TIME ZONE 'UTC')::date, 1, input_tokens, cache_read_tokens, output_tokens, cost_nano_usd,
    (cost_nano_usd IS NULL)::integer, COALESCE(saved_nano_usd, 0), (cache_result = 'hit')::integer
  FROM llm_usage WHERE user_id = $1 AND at >= $2 AND at < LEAST($3::timestamptz, $4::date::timestamp AT TIME ZONE 'UTC')
  UNION ALL
  SELECT squad_id, member_id, model, (at AT TIME ZONE 'UTC')::date, 1, input_tokens, cache_read_tokens, output_tokens, cost_nano_usd,
    (cost_nano_usd IS NULL)::integer, COALESCE(saved_nano_usd, 0), (cache_result = 'hit')::integer
  FROM llm_usage WHERE user_id = $1 AND at < $3 AND at >= (
    SELECT GREATEST($4::date, LEAST($5::date, COALESCE(usage_rolled_until, '-infinity')))::timestamp AT TIME ZONE 'UTC' FROM installation)
)`;

/**
 * What one user's calls of this month (UTC) cost by squad, for `FROM` or `WITH`: sums of the days that were summed up and single
 * calls of the one or two that were not. Needs the parameter user ($1). Columns: squad_id, cost_nano_usd, unpriced_calls.
 */
export const monthBySquadSql = `
  SELECT u.squad_id, COALESCE(sum(u.cost_nano_usd), 0)::bigint AS cost_nano_usd, sum(u.unpriced_calls) AS unpriced_calls FROM (
    SELECT squad_id, cost_nano_usd, unpriced_calls FROM usage_days
    WHERE user_id = $1 AND day >= date_trunc('month', now() AT TIME ZONE 'UTC')::date
    UNION ALL
    SELECT squad_id, cost_nano_usd, (cost_nano_usd IS NULL)::integer FROM llm_usage
    WHERE user_id = $1 AND at >= (SELECT GREATEST(date_trunc('month', now() AT TIME ZONE 'UTC')::date, usage_rolled_until)::timestamp
      AT TIME ZONE 'UTC' FROM installation)
  ) u WHERE u.squad_id IS NOT NULL GROUP BY u.squad_id`;

const dayMs = 86_400_000;

/** The whole days (UTC) of a range as dates: the first, and the one after the last. Equal when there is none. */
export function wholeDays(range: { from: Date; to: Date }): [first: string, end: string] {
  const first = Math.ceil(range.from.getTime() / dayMs);
  const end = Math.max(first, Math.floor(range.to.getTime() / dayMs));
  const date = (day: number) => new Date(day * dayMs).toISOString().slice(0, 10);
  return [date(first), date(end)];
}
