import type { InfiniteData } from "@tanstack/react-query";
import type { Dashboard, ExecutionListItem, ExecutionPage, TaskPage, UserChange } from "#contracts";
import { isTerminal } from "../../lib/execution-status.ts";

/** As the server cuts the dashboard's lists. */
const shownExecutions = 10;

/** Items that were changed take the place of what is known of them, new ones come in; newest first. */
function merge(known: readonly ExecutionListItem[], changed: readonly ExecutionListItem[]): ExecutionListItem[] {
  const byId = new Map(known.map((item) => [item.id, item]));
  for (const item of changed) byId.set(item.id, item);
  return [...byId.values()].sort((one, other) => (one.id < other.id ? 1 : -1));
}

/** The dashboard after a change. */
export function applyToDashboard(dashboard: Dashboard, change: UserChange): Dashboard {
  const { liveExecutions, awaitingApproval, recentExecutions } = dashboard;
  const all = merge([...recentExecutions, ...liveExecutions, ...awaitingApproval], change.executions);
  const isLive = ({ status }: ExecutionListItem) => !isTerminal(status) && status !== "awaiting_approval";
  const rank = { running: 0, queued: 1, paused: 2 } as const;
  return {
    ...dashboard,
    liveExecutions: all
      .filter(isLive)
      .sort((one, other) => rank[one.status as keyof typeof rank] - rank[other.status as keyof typeof rank])
      .slice(0, shownExecutions),
    awaitingApproval: all.filter(({ status }) => status === "awaiting_approval").slice(0, shownExecutions),
    recentExecutions: all.slice(0, shownExecutions),
    liveCounts: change.liveCounts ?? dashboard.liveCounts,
    spend: change.spend ?? dashboard.spend,
    notifications: change.notifications ?? dashboard.notifications,
  };
}

/** A page of executions with what changed of those on it; the same object when nothing did. */
export function applyToPage(page: ExecutionPage, changed: readonly ExecutionListItem[]): ExecutionPage {
  if (!page.data.some((item) => changed.some(({ id }) => id === item.id))) return page;
  return { ...page, data: page.data.map((item) => changed.find(({ id }) => id === item.id) ?? item) };
}

/** A board after a change: the cards of the tasks move to the column of their status. */
export function applyToBoard(board: InfiniteData<TaskPage>, change: UserChange): InfiniteData<TaskPage> {
  const statuses = new Map(change.tasks.map((task) => [task.id, task.status]));
  const pages = board.pages.map((page) => {
    if (!page.data.some((task) => statuses.has(task.id))) return page;
    return {
      ...page,
      data: page.data.map((task) => {
        const status = statuses.get(task.id);
        if (!status) return task;
        const run = change.executions.find(({ taskId }) => taskId === task.id);
        const isLatest = run !== undefined && (!task.lastExecution || run.id >= task.lastExecution.id);
        return { ...task, status, lastExecution: isLatest ? { id: run.id, status: run.status } : task.lastExecution };
      }),
    };
  });
  return pages.some((page, index) => page !== board.pages[index]) ? { ...board, pages } : board;
}
