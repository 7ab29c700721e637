import type { Budget, BudgetLevel, BudgetPage, BudgetPeriod, BudgetState } from "#contracts";
import { offsetOf, offsetPage, type Queryable } from "#db";
import type { Scope } from "../store.ts";

/** What is spent in the current period: a monthly budget of an earlier month starts again at nothing. */
export function budgetSpentSql(alias: string): string {
  return `CASE WHEN ${alias}.period = 'month' AND ${alias}.period_start < date_trunc('month', now() AT TIME ZONE 'UTC')::date
    THEN 0 ELSE ${alias}.spent_nano_usd END`;
}

/** The first day of the current period, as text. */
const periodStartSql = `to_char(CASE WHEN b.period = 'month'
  THEN date_trunc('month', now() AT TIME ZONE 'UTC')::date ELSE b.period_start END, 'YYYY-MM-DD')`;

const columns = `b.id, b.level, b.scope_id, s.name AS scope_name, b.period, ${periodStartSql} AS period_start,
  b.limit_nano_usd, ${budgetSpentSql("b")} AS spent_nano_usd, b.reserved_nano_usd, b.created_at, b.updated_at`;

interface BudgetRow {
  id: string;
  level: BudgetLevel;
  scope_id: string;
  scope_name: string | null;
  period: BudgetPeriod;
  period_start: string;
  limit_nano_usd: number;
  spent_nano_usd: number;
  reserved_nano_usd: number;
  created_at: Date;
  updated_at: Date;
}

function toBudget(row: BudgetRow): Budget {
  return {
    id: row.id,
    level: row.level,
    scopeId: row.scope_id,
    scopeName: row.scope_name,
    period: row.period,
    periodStart: row.period_start,
    limitNanoUsd: row.limit_nano_usd,
    spentNanoUsd: Number(row.spent_nano_usd),
    reservedNanoUsd: row.reserved_nano_usd,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  };
}

/** The user's budgets of the instance and of squads; the instance's first. */
export async function listBudgets(
  db: Queryable,
  scope: Scope,
  query: { page?: number; pageSize?: number },
): Promise<BudgetPage> {
  const page = query.page ?? 1;
  const pageSize = query.pageSize ?? 20;
  const { rows } = await db.query<BudgetRow & { total: number }>(
    "budgets_list",
    `SELECT ${columns}, (SELECT count(*)::integer FROM budgets WHERE user_id = $1 AND level <> 'execution') AS total
     FROM budgets b LEFT JOIN squads s ON b.level = 'squad' AND s.id = b.scope_id
     WHERE b.id = ANY (ARRAY(
       SELECT id FROM budgets WHERE user_id = $1 AND level <> 'execution' ORDER BY level, id DESC LIMIT $2 OFFSET $3))
     ORDER BY b.level, b.id DESC`,
    [scope.userId, pageSize, offsetOf(page, pageSize)],
  );
  return offsetPage(rows, { page, pageSize }, toBudget, async () => {
    const { rows: counted } = await db.query<{ total: number }>(
      "budgets_count",
      "SELECT count(*)::integer AS total FROM budgets WHERE user_id = $1 AND level <> 'execution'",
      [scope.userId],
    );
    return counted[0]?.total ?? 0;
  });
}

/** The budget of a level and thing; null when none is set. */
export async function readBudget(
  db: Queryable,
  scope: Scope,
  level: BudgetLevel,
  scopeId: string,
): Promise<Budget | null> {
  const { rows } = await db.query<BudgetRow>(
    "budget_read",
    `SELECT ${columns} FROM budgets b LEFT JOIN squads s ON b.level = 'squad' AND s.id = b.scope_id
     WHERE b.user_id = $1 AND b.level = $2 AND b.scope_id = $3`,
    [scope.userId, level, scopeId],
  );
  return rows[0] ? toBudget(rows[0]) : null;
}

/** The part of a budget that other answers carry. */
export function toBudgetState(budget: Budget): BudgetState {
  const { limitNanoUsd, spentNanoUsd, reservedNanoUsd, period } = budget;
  return { limitNanoUsd, spentNanoUsd, reservedNanoUsd, period };
}
