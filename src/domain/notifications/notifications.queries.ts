import type { Notification, NotificationKind, NotificationListQuery, NotificationPage } from "#contracts";
import { cursorPage, decodeCursor, type Queryable } from "#db";
import type { Scope } from "../store.ts";

interface NotificationRow {
  id: string;
  kind: NotificationKind;
  title: string;
  body: string;
  execution_id: string | null;
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
    `SELECT id, kind, title, body, execution_id, created_at, read_at FROM notifications
     WHERE user_id = $1${unread ? " AND read_at IS NULL" : ""}${after === null ? "" : " AND id < $3"}
     ORDER BY id DESC LIMIT $2`,
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
