import type { ReadNotifications } from "#contracts";
import type { Queryable } from "#db";
import type { Scope } from "../store.ts";
import { countUnread } from "./notifications.queries.ts";

/** Marks the given notifications as read, or all; those of others and those read already are left alone. */
export async function markNotificationsRead(
  db: Queryable,
  scope: Scope,
  ids: string[] | undefined,
): Promise<ReadNotifications> {
  const { rowCount } =
    ids === undefined
      ? await db.query(
          "notifications_read_all",
          "UPDATE notifications SET read_at = now() WHERE user_id = $1 AND read_at IS NULL",
          [scope.userId],
        )
      : await db.query(
          "notifications_read",
          "UPDATE notifications SET read_at = now() WHERE user_id = $1 AND read_at IS NULL AND id = ANY($2::uuid[])",
          [scope.userId, ids],
        );
  return { read: rowCount ?? 0, unread: await countUnread(db, scope) };
}
