import type { Dashboard, ExecutionListItem, ExecutionStatus } from "#contracts";
import type { Queryable } from "#db";
import { readBudget, toBudgetState } from "../budgets/index.ts";
import { listNewestExecutions } from "../executions/index.ts";
import { countUnread, listNotifications } from "../notifications/index.ts";
import { listSquads } from "../squads/index.ts";
import type { Scope } from "../store.ts";
import { readSpend } from "../usage/index.ts";
import { readUser } from "../users/index.ts";

const shownSquads = 6;
const shownExecutions = 10;
const shownNotifications = 5;
/** In the order in which they are listed. */
const liveStatuses = ["running", "queued", "paused"] as const;

/** Everything the first page shows, read in parallel; null when the user is gone. */
export async function readDashboard(db: Queryable, scope: Scope): Promise<Dashboard | null> {
  const [user, squads, executions, spend, budget, unread, notices] = await Promise.all([
    readUser(db, scope),
    listSquads(db, scope, { pageSize: shownSquads }),
    listNewestExecutions(db, scope, [...liveStatuses, "awaiting_approval"], shownExecutions),
    readSpend(db, scope),
    readBudget(db, scope, "instance", scope.userId),
    countUnread(db, scope),
    listNotifications(db, scope, { limit: shownNotifications }),
  ]);
  if (!user) return null;
  const inStatus = (wanted: ExecutionStatus): ExecutionListItem[] =>
    executions.items.filter(({ status }) => status === wanted);
  return {
    user,
    squads: { data: squads.data, total: squads.total },
    liveCounts: executions.liveCounts,
    liveExecutions: liveStatuses.flatMap(inStatus).slice(0, shownExecutions),
    awaitingApproval: inStatus("awaiting_approval").slice(0, shownExecutions),
    recentExecutions: executions.items.slice(0, shownExecutions),
    spend: { ...spend, budget: budget ? toBudgetState(budget) : null },
    notifications: { unread, data: notices.data },
  };
}
