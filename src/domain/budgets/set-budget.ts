import type { Budget, PutBudgetBody } from "#contracts";
import { uuidv7 } from "#db";
import { notFound, type Refusal, type Scope, type Store } from "../store.ts";
import { budgetSpentSql, readBudget } from "./budgets.queries.ts";

/** What a budget binds: all of the user's calls, or those of one squad. */
export type BudgetTarget = { level: "instance" } | { level: "squad"; squadId: string };

function scopeIdOf(scope: Scope, target: BudgetTarget): string {
  return target.level === "instance" ? scope.userId : target.squadId;
}

async function ownsTarget(db: Store, scope: Scope, target: BudgetTarget): Promise<boolean> {
  if (target.level === "instance") return true;
  const { rows } = await db.query("squad_owned", "SELECT 1 FROM squads WHERE id = $2 AND user_id = $1", [
    scope.userId,
    target.squadId,
  ]);
  return rows.length === 1;
}

/**
 * Sets or changes a budget. What is spent and reserved stays; a new monthly budget begins with what this month has cost
 * already. A limit below that is stored as that, since the database guarantees `spent + reserved <= limit`: nothing more
 * can be bought either way.
 */
export async function setBudget(
  db: Store,
  scope: Scope,
  target: BudgetTarget,
  body: PutBudgetBody,
): Promise<{ outcome: "ok"; budget: Budget } | Refusal> {
  if (!(await ownsTarget(db, scope, target))) return notFound("squad");
  const scopeId = scopeIdOf(scope, target);
  await db.query(
    "budget_set",
    `INSERT INTO budgets AS b (id, user_id, level, scope_id, period, limit_nano_usd, spent_nano_usd)
     SELECT $1::uuid, $2::uuid, $3::text, $4::uuid, $5::text, GREATEST($6::bigint, spent), spent FROM (
       SELECT COALESCE(sum(u.cost_nano_usd), 0)::bigint AS spent FROM llm_usage u
       WHERE $5 = 'month' AND u.user_id = $2 AND ($3 = 'instance' OR u.squad_id = $4)
         AND u.at >= date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
     ) month
     ON CONFLICT (level, scope_id) DO UPDATE SET
       spent_nano_usd = ${budgetSpentSql("b")},
       period_start = CASE WHEN b.period = 'month' THEN date_trunc('month', now() AT TIME ZONE 'UTC')::date ELSE b.period_start END,
       period = excluded.period,
       limit_nano_usd = GREATEST($6, ${budgetSpentSql("b")} + b.reserved_nano_usd),
       warned_at = NULL, updated_at = now()
     WHERE b.user_id = $2`,
    [uuidv7(), scope.userId, target.level, scopeId, body.period ?? "month", body.limitNanoUsd],
  );
  const budget = await readBudget(db, scope, target.level, scopeId);
  return budget ? { outcome: "ok", budget } : notFound("budget");
}

/** Takes a budget away: calls are then bound by the other levels only. */
export async function removeBudget(
  db: Store,
  scope: Scope,
  target: BudgetTarget,
): Promise<{ outcome: "ok" } | Refusal> {
  const { rowCount } = await db.query(
    "budget_remove",
    "DELETE FROM budgets WHERE user_id = $1 AND level = $2 AND scope_id = $3",
    [scope.userId, target.level, scopeIdOf(scope, target)],
  );
  return rowCount === 1 ? { outcome: "ok" } : notFound("budget");
}
