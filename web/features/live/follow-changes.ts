import type { InfiniteData, QueryClient } from "@tanstack/react-query";
import type { Dashboard, ExecutionPage, ExecutionStatus, Me, TaskPage, UserChange } from "#contracts";
import { writes } from "../../lib/api.ts";
import { isTerminal } from "../../lib/execution-status.ts";
import { followStream } from "../../lib/follow-stream.ts";
import { invalidate } from "../../lib/invalidate.ts";
import { changesStateKey, queries } from "../../lib/queries.ts";
import { applyToBoard, applyToDashboard, applyToPage } from "./apply-change.ts";

/** Reads that a change of an area makes old, where the change itself does not say the new state. */
const areaReads: Record<string, string[]> = {
  profile: ["/me", "/dashboard"],
  squads: ["/squads", "/dashboard"],
  projects: ["/projects"],
  accounts: ["/provider-accounts", "/models"],
  budgets: ["/budgets"],
};

/**
 * Follows what changes for the user and patches the cache with it, until the signal fires. `changesStateKey` says whether
 * the line is up: while it is not, the frame says so, and the dashboard asks for itself. When it is back, what is shown is
 * read anew: nobody told what changed meanwhile, and what was asked for in vain is still wanted.
 */
export function followChanges(client: QueryClient, signal: AbortSignal): Promise<void> {
  const statuses = new Map<string, ExecutionStatus>();
  let wasLost = client.getQueryData(changesStateKey) === "refused";
  return followStream({
    url: () => "/api/v1/changes",
    signal,
    onState: (state) => {
      client.setQueryData(changesStateKey, state);
      if (state === "reconnecting") wasLost = true;
      if (state !== "live" || !wasLost) return;
      wasLost = false;
      whenQuiet(() => void readAnew(client));
    },
    onMessage: (data) => applyChange(client, JSON.parse(data) as UserChange, statuses),
  });
}

/** Reads all that is shown anew, but for executions: they have lines of their own, which go on where they broke off. */
function readAnew(client: QueryClient): Promise<void> {
  return client.invalidateQueries({
    predicate: ({ queryKey: [path], state }) =>
      typeof path === "string" &&
      path !== changesStateKey[0] &&
      (!path.startsWith("/executions/") || state.status === "error"),
  });
}

/** Takes a change into everything the cache holds; `statuses` are those heard of so far. */
function applyChange(client: QueryClient, change: UserChange, statuses: Map<string, ExecutionStatus>): void {
  const { kind, areas, executions } = change;
  if (kind === "snapshot") statuses.clear();
  const dashboardKey = queries.dashboard().queryKey;
  const dashboard = client.getQueryData<Dashboard>(dashboardKey);
  if (dashboard) {
    client.setQueryData(dashboardKey, applyToDashboard(dashboard, change));
  }
  applyToNotifications(client, change);
  applyToLists(client, change);
  const moved = executions.filter(({ id, status }) => statuses.get(id) !== status);
  for (const { id, status } of executions) statuses.set(id, status);
  if (kind === "change" && moved.length > 0) {
    // Squads show how much of theirs runs; lists by status no longer hold what has another one now.
    void invalidate(client, "/squads");
    void client.invalidateQueries({ queryKey: ["/executions"] });
    if (moved.some(({ status }) => isTerminal(status))) void invalidate(client, "/usage");
  }
  if (areas.includes("tasks") && executions.length === 0) whenQuiet(() => void invalidate(client, "/tasks"));
  // Executions that went with their task have no state to tell.
  if (areas.includes("executions") && executions.length === 0) {
    void invalidate(client, "/dashboard");
    void client.invalidateQueries({ queryKey: ["/executions"] });
  }
  for (const area of areas) if (areaReads[area]) void invalidate(client, ...areaReads[area]);
  if (kind === "snapshot") {
    // What was read before the line was open (with the document, or before it broke) may be behind by what nobody told.
    void invalidate(client, "/dashboard", "/tasks", "/notifications", "/squads", "/projects", "/usage");
    void client.invalidateQueries({ queryKey: ["/executions"] });
  }
}

const quietCheckMs = 300;

/** Waits until no write of this page is under way: reading in between would show a moved card where it was. */
function whenQuiet(work: () => void): void {
  if (writes.underWay === 0) work();
  else setTimeout(() => whenQuiet(work), quietCheckMs);
}

function applyToNotifications(client: QueryClient, { notifications }: UserChange): void {
  const key = queries.me().queryKey;
  const me = client.getQueryData<Me>(key);
  if (!notifications || !me || me.unreadNotifications === notifications.unread) return;
  void invalidate(client, "/notifications");
  client.setQueryData(key, { ...me, unreadNotifications: notifications.unread });
}

function applyToLists(client: QueryClient, change: UserChange): void {
  const { executions } = change;
  if (executions.length === 0) return;
  client.setQueriesData<ExecutionPage | InfiniteData<ExecutionPage>>({ queryKey: ["/executions"] }, (list) => {
    if (!list) return list;
    if ("pages" in list) return { ...list, pages: list.pages.map((page) => applyToPage(page, executions)) };
    return "data" in list ? applyToPage(list, executions) : list;
  });
  client.setQueriesData<InfiniteData<TaskPage>>({ queryKey: ["/tasks", "board"] }, (board) =>
    board ? applyToBoard(board, change) : board,
  );
}
