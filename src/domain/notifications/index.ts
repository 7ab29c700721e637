export { markNotificationsRead } from "./mark-read.ts";
export { countUnread, listNotifications } from "./notifications.queries.ts";
