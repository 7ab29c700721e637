import { type Static, Type } from "typebox";
import { notificationKinds } from "../closed-sets.ts";
import { cursorPageOf, cursorQuery, Id, nullable, object, Timestamp } from "./common.ts";

export const Notification = object({
  id: Id,
  kind: Type.Enum(notificationKinds),
  title: Type.String(),
  body: Type.String(),
  executionId: nullable(Id),
  taskTitle: nullable(Type.String({ description: "Title of the task whose execution it is about" })),
  createdAt: Timestamp,
  readAt: nullable(Timestamp),
});
export type Notification = Static<typeof Notification>;
export const NotificationPage = cursorPageOf(Notification);
export type NotificationPage = Static<typeof NotificationPage>;
export const NotificationListQuery = object({
  ...cursorQuery,
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 20 })),
  unread: Type.Optional(Type.Boolean()),
});
export type NotificationListQuery = Static<typeof NotificationListQuery>;

/** Without `ids` all are marked as read. */
export const ReadNotificationsBody = object({ ids: Type.Optional(Type.Array(Id, { maxItems: 500 })) });
export type ReadNotificationsBody = Static<typeof ReadNotificationsBody>;
export const ReadNotifications = object({ read: Type.Integer(), unread: Type.Integer() });
export type ReadNotifications = Static<typeof ReadNotifications>;
