import type { TaskListItem, TaskStatus } from "#contracts";

/** The columns of a board, in the order of work. */
export const boardColumns: readonly TaskStatus[] = ["pending", "in_progress", "completed", "failed", "cancelled"];

/** Tasks by column, each in its order: by position, then newest first. */
export function tasksByStatus(tasks: TaskListItem[]): Record<TaskStatus, TaskListItem[]> {
  const columns: Record<TaskStatus, TaskListItem[]> = {
    pending: [],
    in_progress: [],
    completed: [],
    failed: [],
    cancelled: [],
  };
  for (const task of tasks) columns[task.status].push(task);
  for (const column of Object.values(columns)) {
    column.sort((one, other) => one.position - other.position || (one.id < other.id ? 1 : -1));
  }
  return columns;
}

/**
 * The position that puts `task` into a column at the place of `over` (null: at the end). Moving down within a column it
 * comes after `over`, else before it, as the drag shows it.
 */
export function positionAt(column: TaskListItem[], task: TaskListItem, over: TaskListItem | null): number {
  const others = column.filter((one) => one.id !== task.id);
  if (others.length === 0) return task.position;
  let at = over ? others.findIndex((one) => one.id === over.id) : others.length;
  const from = column.findIndex((one) => one.id === task.id);
  if (over && from >= 0 && column.findIndex((one) => one.id === over.id) > from) at += 1;
  const before = others[at - 1]?.position;
  const after = others[at]?.position;
  if (before === undefined) return (after ?? 0) - 1;
  if (after === undefined) return before + 1;
  return (before + after) / 2;
}
