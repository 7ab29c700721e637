import type { UsageEntry, UsageGroup, UsagePage, UsageRow, UsageSummary } from "#contracts";
import { cursorPage, decodeCursor, type Queryable } from "#db";
import type { Scope } from "../store.ts";
import { usageRowsSql, wholeDays } from "./roll-up-usage.ts";
import type { UsageRange } from "./usage-range.ts";

// `cost_nano_usd` is null where the price is not known; sum() skips those and is null when all are.
const figures = `COALESCE(sum(u.calls), 0)::integer AS calls, sum(u.input_tokens)::bigint AS input_tokens,
  sum(u.cache_read_tokens)::bigint AS cache_read_tokens, sum(u.output_tokens)::bigint AS output_tokens,
  sum(u.cost_nano_usd)::bigint AS cost_nano_usd, COALESCE(sum(u.unpriced_calls), 0)::integer AS unpriced_calls,
  COALESCE(sum(u.saved_nano_usd), 0)::bigint AS saved_nano_usd, COALESCE(sum(u.cache_hits), 0)::integer AS cache_hits`;

const groups: Record<UsageGroup, { key: string; label: string; join: string }> = {
  squad: {
    key: "u.squad_id::text",
    label: "COALESCE(max(s.name), CASE WHEN u.squad_id IS NULL THEN 'Without a squad' ELSE 'Deleted squad' END)",
    join: "LEFT JOIN squads s ON s.id = u.squad_id AND s.user_id = $1",
  },
  model: { key: "u.model", label: "u.model", join: "" },
  member: {
    key: "u.member_id::text",
    label: "COALESCE(max(m.name), CASE WHEN u.member_id IS NULL THEN 'Without a member' ELSE 'Deleted member' END)",
    join: "LEFT JOIN squad_members m ON m.id = u.member_id",
  },
  day: {
    key: "to_char(u.day, 'YYYY-MM-DD')",
    label: "to_char(u.day, 'YYYY-MM-DD')",
    join: "",
  },
};
const groupColumns: Record<UsageGroup, string> = {
  squad: "u.squad_id",
  model: "u.model",
  member: "u.member_id",
  day: "u.day",
};

interface FiguresRow {
  calls: number;
  input_tokens: number | null;
  cache_read_tokens: number | null;
  output_tokens: number | null;
  cost_nano_usd: number | null;
  unpriced_calls: number;
  saved_nano_usd: number;
  cache_hits: number;
}

function toFigures(row: FiguresRow): UsageSummary["total"] {
  return {
    calls: row.calls,
    inputTokens: row.input_tokens ?? 0,
    cacheReadTokens: row.cache_read_tokens ?? 0,
    outputTokens: row.output_tokens ?? 0,
    // No call at all costs nothing; calls without a known price cost an unknown amount.
    costNanoUsd: row.calls === 0 ? 0 : row.cost_nano_usd,
    unpricedCalls: row.unpriced_calls,
    savedNanoUsd: row.saved_nano_usd,
    cacheHits: row.cache_hits,
  };
}

/** Tokens and cost in a range by squad, model, member or day, dearest (or for days: oldest) first; at most 1,000 groups. */
export async function summarizeUsage(
  db: Queryable,
  scope: Scope,
  range: UsageRange,
  groupBy: UsageGroup,
): Promise<UsageSummary> {
  const { key, label, join } = groups[groupBy];
  const order = groupBy === "day" ? "1" : "cost_nano_usd DESC NULLS LAST, calls DESC, 1";
  const values = [scope.userId, range.from, range.to, ...wholeDays(range)];
  const [grouped, total] = await Promise.all([
    db.query<FiguresRow & { key: string | null; label: string }>(
      `usage_by_${groupBy}`,
      `SELECT ${key} AS key, ${label} AS label, ${figures} FROM ${usageRowsSql} u ${join}
       GROUP BY ${groupColumns[groupBy]} ORDER BY ${order} LIMIT 1000`,
      values,
    ),
    db.query<FiguresRow>("usage_total", `SELECT ${figures} FROM ${usageRowsSql} u`, values),
  ]);
  return {
    from: range.from.toISOString(),
    to: range.to.toISOString(),
    groupBy,
    rows: grouped.rows.map((row): UsageRow => ({ key: row.key, label: row.label, ...toFigures(row) })),
    total: toFigures(total.rows[0] as FiguresRow),
  };
}

const entryColumns = `id, at, squad_id, member_id, execution_id, provider, model, lane, outcome, cache_result, input_tokens,
  cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, estimated, cost_nano_usd, saved_nano_usd,
  latency_ms, time_to_first_token_ms, rate_wait_ms`;

interface EntryRow {
  id: string;
  at: Date;
  squad_id: string | null;
  member_id: string | null;
  execution_id: string | null;
  provider: UsageEntry["provider"];
  model: string;
  lane: UsageEntry["lane"];
  outcome: UsageEntry["outcome"];
  cache_result: UsageEntry["cacheResult"];
  input_tokens: number;
  cache_read_tokens: number;
  cache_write_tokens: number;
  output_tokens: number;
  reasoning_tokens: number;
  estimated: boolean;
  cost_nano_usd: number | null;
  saved_nano_usd: number | null;
  latency_ms: number | null;
  time_to_first_token_ms: number | null;
  rate_wait_ms: number | null;
}

function toEntry(row: EntryRow): UsageEntry {
  return {
    id: row.id,
    at: row.at.toISOString(),
    squadId: row.squad_id,
    memberId: row.member_id,
    executionId: row.execution_id,
    provider: row.provider,
    model: row.model,
    lane: row.lane,
    outcome: row.outcome,
    cacheResult: row.cache_result,
    inputTokens: row.input_tokens,
    cacheReadTokens: row.cache_read_tokens,
    cacheWriteTokens: row.cache_write_tokens,
    outputTokens: row.output_tokens,
    reasoningTokens: row.reasoning_tokens,
    estimated: row.estimated,
    costNanoUsd: row.cost_nano_usd,
    savedNanoUsd: row.saved_nano_usd,
    latencyMs: row.latency_ms,
    timeToFirstTokenMs: row.time_to_first_token_ms,
    rateWaitMs: row.rate_wait_ms,
  };
}

/** What comes after the entry with the id of this parameter: newest first, those of one moment by their ids. */
const afterEntry = (parameter: string) =>
  `(at, id) < ((SELECT e.at FROM llm_usage e WHERE e.id = ${parameter}), ${parameter})`;

/** Every call the user paid or saved, newest first. */
export async function listUsage(
  db: Queryable,
  scope: Scope,
  query: { cursor?: string; limit?: number },
): Promise<UsagePage> {
  const limit = query.limit ?? 100;
  const after = query.cursor === undefined ? null : decodeCursor(query.cursor);
  const { rows } = await db.query<EntryRow>(
    after === null ? "usage_list" : "usage_list_after",
    `SELECT ${entryColumns} FROM llm_usage WHERE user_id = $1${after === null ? "" : ` AND ${afterEntry("$3")}`} ORDER BY at DESC, id DESC LIMIT $2`,
    after === null ? [scope.userId, limit + 1] : [scope.userId, limit + 1, after],
  );
  return cursorPage(rows, limit, (row) => row.id, toEntry);
}

/** The entries of a range in pages of up to `limit`, newest first, for the export; `before` is the last id seen. */
export async function readUsageSlice(
  db: Queryable,
  scope: Scope,
  range: UsageRange,
  before: string | null,
  limit: number,
): Promise<UsageEntry[]> {
  const { rows } = await db.query<EntryRow>(
    "usage_slice",
    `SELECT ${entryColumns} FROM llm_usage
     WHERE user_id = $1 AND at >= $2 AND at < $3 AND ($4::uuid IS NULL OR ${afterEntry("$4")}) ORDER BY at DESC, id DESC LIMIT $5`,
    [scope.userId, range.from, range.to, before, limit],
  );
  return rows.map(toEntry);
}

/** What the user spent today and this month (UTC). */
export async function readSpend(
  db: Queryable,
  scope: Scope,
): Promise<{ todayNanoUsd: number; monthNanoUsd: number; savedMonthNanoUsd: number; unpricedCallsMonth: number }> {
  const now = new Date();
  // To the far end of the month: a call that the database's clock puts a little later counts too.
  const month = {
    from: new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth())),
    to: new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1)),
  };
  const { rows } = await db.query<{ today: number; month: number; saved: number; unpriced: number }>(
    "usage_spend",
    `SELECT COALESCE(sum(cost_nano_usd) FILTER (WHERE day >= $5::date), 0)::bigint AS today,
       COALESCE(sum(cost_nano_usd), 0)::bigint AS month, COALESCE(sum(saved_nano_usd), 0)::bigint AS saved,
       COALESCE(sum(unpriced_calls), 0)::integer AS unpriced
     FROM ${usageRowsSql} u`,
    [scope.userId, month.from, month.to, ...wholeDays({ from: month.from, to: now })],
  );
  const row = rows[0] ?? { today: 0, month: 0, saved: 0, unpriced: 0 };
  return {
    todayNanoUsd: row.today,
    monthNanoUsd: row.month,
    savedMonthNanoUsd: row.saved,
    unpricedCallsMonth: row.unpriced,
  };
}
