import {
  Dashboard,
  NotificationListQuery,
  NotificationPage,
  ReadNotifications,
  ReadNotificationsBody,
} from "#contracts";
import { listNotifications, markNotificationsRead, readDashboard } from "#domain";
import { expectFound } from "../../expect-ok.ts";
import { type AnyRoute, defineRoute } from "../../route.ts";

/** The first page and the notifications. */
export function dashboardRoutes(): AnyRoute[] {
  return [
    defineRoute({
      method: "GET",
      path: "/api/v1/dashboard",
      operationId: "readDashboard",
      tag: "dashboard",
      summary: "User, squads, live executions, spend and notifications in one answer",
      policy: "user",
      answer: Dashboard,
      cache: {
        seconds: 60,
        areas: ["profile", "squads", "squadActivity", "executions", "notifications", "usage", "budgets"],
      },
      handle: async ({ db, caller }) => expectFound(await readDashboard(db, caller), "user"),
    }),
    defineRoute({
      method: "GET",
      path: "/api/v1/notifications",
      operationId: "listNotifications",
      tag: "notifications",
      summary: "Notifications, newest first",
      policy: "user",
      query: NotificationListQuery,
      answer: NotificationPage,
      cache: { seconds: 60, areas: ["notifications"] },
      handle: ({ db, caller, query }) => listNotifications(db, caller, query),
    }),
    defineRoute({
      method: "POST",
      path: "/api/v1/notifications/read",
      operationId: "readNotifications",
      tag: "notifications",
      summary: "Marks notifications as read; without ids all of them",
      policy: "user",
      body: ReadNotificationsBody,
      answer: ReadNotifications,
      changes: ["notifications"],
      handle: ({ db, caller, body }) => markNotificationsRead(db, caller, body.ids),
    }),
  ];
}
