import type { TaskStatus, UserChange } from "#contracts";
import type { Queryable } from "#db";
import { readBudget, toBudgetState } from "../budgets/index.ts";
import type { ChangeArea } from "../change-tags.ts";
import { listLiveExecutions, readExecutionItems } from "../executions/index.ts";
import { countUnread, listNotifications } from "../notifications/index.ts";
import type { Scope } from "../store.ts";
import { readSpend } from "../usage/index.ts";

/** As many notifications as the dashboard shows. */
const shownNotifications = 5;

/** Everything that is live for a user at this moment: what a page that begins to follow compares itself with. */
export async function readUserSnapshot(db: Queryable, scope: Scope): Promise<UserChange> {
  const [live, notifications] = await Promise.all([listLiveExecutions(db, scope), readNotices(db, scope)]);
  return {
    kind: "snapshot",
    areas: [],
    executions: live.items,
    tasks: await readTasks(db, scope, live.items),
    liveCounts: live.liveCounts,
    notifications,
    spend: null,
  };
}

/** What changed for a user: the named executions as they are now, and of the areas what the frame and the dashboard show. */
export async function readUserChange(
  db: Queryable,
  scope: Scope,
  changed: { executionIds: readonly string[]; areas: ReadonlySet<ChangeArea> },
): Promise<UserChange> {
  const { executionIds, areas } = changed;
  const [changedNow, notifications, spend] = await Promise.all([
    executionIds.length === 0 ? null : readExecutionItems(db, scope, executionIds),
    areas.has("notifications") ? readNotices(db, scope) : null,
    areas.has("usage") || areas.has("budgets") ? readSpending(db, scope) : null,
  ]);
  const executions = changedNow?.items ?? [];
  return {
    kind: "change",
    areas: [...areas],
    executions,
    tasks: await readTasks(db, scope, executions),
    // Where none of the named is there any more, nothing was counted.
    liveCounts: executions.length > 0 ? (changedNow?.liveCounts ?? null) : null,
    notifications,
    spend,
  };
}

async function readNotices(db: Queryable, scope: Scope): Promise<NonNullable<UserChange["notifications"]>> {
  const [unread, page] = await Promise.all([
    countUnread(db, scope),
    listNotifications(db, scope, { limit: shownNotifications }),
  ]);
  return { unread, data: page.data };
}

async function readSpending(db: Queryable, scope: Scope): Promise<NonNullable<UserChange["spend"]>> {
  const [spend, budget] = await Promise.all([readSpend(db, scope), readBudget(db, scope, "instance", scope.userId)]);
  return { ...spend, budget: budget ? toBudgetState(budget) : null };
}

async function readTasks(
  db: Queryable,
  scope: Scope,
  executions: readonly { taskId: string }[],
): Promise<UserChange["tasks"]> {
  if (executions.length === 0) return [];
  const { rows } = await db.query<{ id: string; project_id: string; status: TaskStatus }>(
    "changed_tasks",
    "SELECT id, project_id, status FROM tasks WHERE user_id = $1 AND id = ANY($2::uuid[])",
    [scope.userId, [...new Set(executions.map((execution) => execution.taskId))]],
  );
  return rows.map((row) => ({ id: row.id, projectId: row.project_id, status: row.status }));
}
