import { type Static, Type } from "typebox";
import { User } from "./account.ts";
import { BudgetState } from "./budgets.ts";
import { Money, nullable, object } from "./common.ts";
import { ExecutionListItem } from "./executions.ts";
import { Notification } from "./notifications.ts";
import { SquadListItem } from "./squads.ts";

/** Days and months are UTC. */
export const Spend = object({
  todayNanoUsd: Money,
  monthNanoUsd: Money,
  savedMonthNanoUsd: Money,
  unpricedCallsMonth: Type.Integer(),
  budget: nullable(BudgetState),
});
export type Spend = Static<typeof Spend>;

/** How many executions of the caller there are in each state in which they run or wait. */
export const LiveCounts = object({
  running: Type.Integer(),
  queued: Type.Integer(),
  paused: Type.Integer(),
  awaitingApproval: Type.Integer(),
});
export type LiveCounts = Static<typeof LiveCounts>;

/** Everything the first page shows, in one answer. Lists carry the newest few. */
export const Dashboard = object({
  user: User,
  squads: object({ data: Type.Array(SquadListItem), total: Type.Integer() }),
  liveCounts: LiveCounts,
  liveExecutions: Type.Array(ExecutionListItem, { description: "Queued, running or paused" }),
  awaitingApproval: Type.Array(ExecutionListItem),
  recentExecutions: Type.Array(ExecutionListItem),
  spend: Spend,
  notifications: object({ unread: Type.Integer(), data: Type.Array(Notification) }),
});
export type Dashboard = Static<typeof Dashboard>;
