import { uuidv7 } from "#db";
import { notFound, type Refusal, type Scope, type Store } from "../store.ts";

/**
 * Sets or changes what an execution may cost in total, in nano-USD. What is spent and reserved stays: a limit below that
 * is stored as that, and nothing more can be bought.
 */
export async function setExecutionBudget(
  db: Store,
  scope: Scope,
  executionId: string,
  limitNanoUsd: number,
): Promise<{ outcome: "ok" } | Refusal> {
  const { rowCount } = await db.query(
    "budget_set_execution",
    `INSERT INTO budgets AS b (id, user_id, level, scope_id, period, limit_nano_usd, spent_nano_usd)
     SELECT $1, $2, 'execution', t.id, 'total', GREATEST($4::bigint, t.cost_nano_usd), t.cost_nano_usd
     FROM task_executions t WHERE t.id = $3 AND t.user_id = $2
     ON CONFLICT (level, scope_id) DO UPDATE SET
       limit_nano_usd = GREATEST($4::bigint, b.spent_nano_usd + b.reserved_nano_usd), warned_at = NULL, updated_at = now()
     WHERE b.user_id = $2`,
    [uuidv7(), scope.userId, executionId, limitNanoUsd],
  );
  return rowCount === 1 ? { outcome: "ok" } : notFound("execution");
}
