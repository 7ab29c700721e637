import { type Static, Type } from "typebox";
import { taskStatuses } from "../closed-sets.ts";
import { Id, nullable, object } from "./common.ts";
import { LiveCounts, Spend } from "./dashboard.ts";
import { ExecutionListItem } from "./executions.ts";
import { Notification } from "./notifications.ts";

/** What changed for a user, as `GET /changes` streams it. The first message shows everything that is live. */
export const UserChange = object({
  kind: Type.Enum(["snapshot", "change"]),
  areas: Type.Array(Type.String(), { description: "Parts of the API whose answers are old now, for example squads" }),
  executions: Type.Array(ExecutionListItem, { description: "Executions that changed, as they are now" }),
  tasks: Type.Array(object({ id: Id, projectId: Id, status: Type.Enum(taskStatuses) }), {
    description: "The tasks of these executions",
  }),
  liveCounts: nullable(LiveCounts),
  notifications: nullable(object({ unread: Type.Integer(), data: Type.Array(Notification) })),
  spend: nullable(Spend),
});
export type UserChange = Static<typeof UserChange>;
