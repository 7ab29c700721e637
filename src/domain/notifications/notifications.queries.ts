import type { Notification, NotificationKind, NotificationListQuery, NotificationPage } from "#contracts";
import { cursorPage, decodeCursor, type Queryable } from "#db";
import type { Scope } from "../store.ts";

interface NotificationRow {
  id: string;
  kind: NotificationKind;
  title: string;
  body: string;
  execution_id: string | null;
  task_title: string | null;
  created_at: Date;
  read_at: Date | null;
}

function toNotification(row: NotificationRow): Notification {
  return {
    id: row.id,
    kind: row.kind,
    title: row.title,
    body: row.body,
    executionId: row.execution_id,
    taskTitle: row.task_title,
    createdAt: row.created_at.toISOString(),
    readAt: row.read_at?.toISOString() ?? null,
  };
}

/** The user's notifications, newest first. */
export async function listNotifications(
  db: Queryable,
  scope: Scope,
  query: NotificationListQuery,
): Promise<NotificationPage> {
  const limit = query.limit ?? 20;
  const unread = query.unread === true;
  const after = query.cursor === undefined ? null : decodeCursor(query.cursor);
  const { rows } = await db.query<NotificationRow>(
    `notifications_list${unread ? "_unread" : ""}${after === null ? "" : "_after"}`,
    `SELECT n.id, n.kind, n.title, n.body, n.execution_id, e.task->>'title' AS task_title, n.created_at, n.read_at
     FROM notifications n LEFT JOIN task_executions e ON e.id = n.execution_id
     WHERE n.user_id = $1${unread ? " AND n.read_at IS NULL" : ""}${after === null ? "" : " AND n.id < $3"}
     ORDER BY n.id DESC LIMIT $2`,
    after === null ? [scope.userId, limit + 1] : [scope.userId, limit + 1, after],
  );
  return cursorPage(rows, limit, (row) => row.id, toNotification);
}

/** How many the user has not read. */
export async function countUnread(db: Queryable, scope: Scope): Promise<number> {
  const { rows } = await db.query<{ unread: number }>(
    "notifications_unread",
    "SELECT count(*)::integer AS unread FROM notifications WHERE user_id = $1 AND read_at IS NULL",
    [scope.userId],
  );
  return rows[0]?.unread ?? 0;
}
