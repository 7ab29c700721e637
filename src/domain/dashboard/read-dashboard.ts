import type { Dashboard } from "#contracts";
import type { Queryable } from "#db";
import { readBudget, toBudgetState } from "../budgets/index.ts";
import { listExecutions } from "../executions/index.ts";
import { countUnread, listNotifications } from "../notifications/index.ts";
import { listSquads } from "../squads/index.ts";
import type { Scope } from "../store.ts";
import { readSpend } from "../usage/index.ts";
import { readUser } from "../users/index.ts";

const shownSquads = 6;
const shownExecutions = 10;
const shownNotifications = 5;

/** Everything the first page shows, read in parallel; null when the user is gone. */
export async function readDashboard(db: Queryable, scope: Scope): Promise<Dashboard | null> {
  const executions = (query: Parameters<typeof listExecutions>[2]) =>
    listExecutions(db, scope, { ...query, limit: shownExecutions }).then((page) => page.data);
  const [user, squads, running, queued, paused, awaitingApproval, recentExecutions, spend, budget, unread, notices] =
    await Promise.all([
      readUser(db, scope),
      listSquads(db, scope, { pageSize: shownSquads }),
      executions({ status: "running" }),
      executions({ status: "queued" }),
      executions({ status: "paused" }),
      executions({ status: "awaiting_approval" }),
      executions({}),
      readSpend(db, scope),
      readBudget(db, scope, "instance", scope.userId),
      countUnread(db, scope),
      listNotifications(db, scope, { limit: shownNotifications }),
    ]);
  if (!user) return null;
  return {
    user,
    squads: { data: squads.data, total: squads.total },
    liveExecutions: [...running, ...queued, ...paused].slice(0, shownExecutions),
    awaitingApproval,
    recentExecutions,
    spend: { ...spend, budget: budget ? toBudgetState(budget) : null },
    notifications: { unread, data: notices.data },
  };
}
