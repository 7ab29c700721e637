import type { Refusal, Scope, Store } from "../store.ts";
import { notFound } from "../store.ts";

/** Deletes a squad with its members and budget. Its executions and their bill stay; live ones must end first. */
export async function deleteSquad(db: Store, scope: Scope, squadId: string): Promise<{ outcome: "ok" } | Refusal> {
  return db.transaction(async (transaction) => {
    const { rows } = await transaction.query<{ live: boolean }>(
      "squad_delete_check",
      `SELECT EXISTS (SELECT 1 FROM task_executions e WHERE e.squad_id = s.id
         AND e.status IN ('queued', 'running', 'paused', 'awaiting_approval')) AS live
       FROM squads s WHERE s.id = $2 AND s.user_id = $1 FOR UPDATE`,
      [scope.userId, squadId],
    );
    const row = rows[0];
    if (!row) return notFound("squad");
    if (row.live) {
      return {
        outcome: "invalid_state",
        detail: "Executions of this squad are not over: cancel them or wait, or archive the squad instead.",
      };
    }
    await transaction.query("squad_budget_delete", "DELETE FROM budgets WHERE level = 'squad' AND scope_id = $1", [
      squadId,
    ]);
    await transaction.query("squad_delete", "DELETE FROM squads WHERE id = $1", [squadId]);
    return { outcome: "ok" };
  });
}
