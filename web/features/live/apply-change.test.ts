import assert from "node:assert/strict";
import { test } from "node:test";
import type { Dashboard, ExecutionListItem, TaskPage, UserChange } from "#contracts";
import { applyToBoard, applyToDashboard, applyToPage } from "./apply-change.ts";

const item = (id: string, status: string, taskId = `task-${id}`) =>
  ({ id, status, taskId, taskTitle: id }) as unknown as ExecutionListItem;

const change = (given: Partial<UserChange>): UserChange => ({
  kind: "change",
  areas: [],
  executions: [],
  tasks: [],
  liveCounts: null,
  notifications: null,
  spend: null,
  ...given,
});

const dashboard = {
  liveCounts: { running: 25, queued: 1, paused: 0, awaitingApproval: 0 },
  liveExecutions: [item("3", "running"), item("2", "queued")],
  awaitingApproval: [],
  recentExecutions: [item("3", "running"), item("2", "queued"), item("1", "completed")],
  spend: { todayNanoUsd: 1 },
  notifications: { unread: 0, data: [] },
} as unknown as Dashboard;

const ids = (items: ExecutionListItem[]) => items.map(({ id, status }) => `${id} ${status}`);

test("the dashboard's lists follow the statuses, and figures that a change does not name stay", () => {
  const next = applyToDashboard(
    dashboard,
    change({ executions: [item("4", "running"), item("3", "awaiting_approval"), item("2", "failed")] }),
  );
  assert.deepEqual(ids(next.liveExecutions), ["4 running"]);
  assert.deepEqual(ids(next.awaitingApproval), ["3 awaiting_approval"]);
  assert.deepEqual(ids(next.recentExecutions), ["4 running", "3 awaiting_approval", "2 failed", "1 completed"]);
  assert.equal(next.liveCounts, dashboard.liveCounts);
  const liveCounts = { running: 24, queued: 0, paused: 1, awaitingApproval: 1 };
  assert.equal(applyToDashboard(dashboard, change({ liveCounts })).liveCounts, liveCounts);
  assert.equal(next.spend, dashboard.spend);
  assert.equal(next.notifications, dashboard.notifications);
  const queued = applyToDashboard(dashboard, change({ executions: [item("4", "queued")] }));
  assert.deepEqual(ids(queued.liveExecutions), ["3 running", "4 queued", "2 queued"], "running ones stand first");
});

test("pages and boards change only where they show what changed", () => {
  const page = { data: [item("2", "queued")], nextCursor: null };
  assert.equal(applyToPage(page, [item("9", "running")]), page);
  assert.deepEqual(ids(applyToPage(page, [item("2", "running")]).data), ["2 running"]);
  const task = (id: string, last: string | null) => ({
    id,
    status: "pending",
    lastExecution: last === null ? null : { id: last, status: "queued" },
  });
  const board = { pages: [{ data: [task("a", "5"), task("b", null)] } as unknown as TaskPage], pageParams: [1] };
  assert.equal(applyToBoard(board, change({})), board);
  const moved = applyToBoard(
    board,
    change({
      executions: [item("4", "failed", "a"), item("6", "running", "b")],
      tasks: [
        { id: "a", projectId: "p", status: "in_progress" },
        { id: "b", projectId: "p", status: "in_progress" },
      ],
    }),
  );
  assert.deepEqual(
    moved.pages[0]?.data.map(({ status, lastExecution }) => [status, lastExecution?.id, lastExecution?.status]),
    [
      ["in_progress", "5", "queued"],
      ["in_progress", "6", "running"],
    ],
    "an older run does not take the place of the latest",
  );
});
