import { type Static, Type } from "typebox";
import { cacheResults, llmLanes, providerKinds } from "../closed-sets.ts";
import { cursorPageOf, cursorQuery, Id, MaybeMoney, Money, nullable, object, Timestamp } from "./common.ts";

export const usageGroups = ["squad", "model", "member", "day"] as const;
export type UsageGroup = (typeof usageGroups)[number];

const Moment = Type.String({
  pattern: "^\\d{4}-\\d{2}-\\d{2}(T\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,6})?)?(Z|[+-]\\d{2}:\\d{2}))?$",
  description: "A date (YYYY-MM-DD, UTC) or an ISO 8601 time",
});

/** `from` is included, `to` is not; the default is the current month. */
const range = { from: Type.Optional(Moment), to: Type.Optional(Moment) };

export const UsageSummaryQuery = object({
  ...range,
  groupBy: Type.Optional(Type.Enum(usageGroups, { default: "day" })),
});
export type UsageSummaryQuery = Static<typeof UsageSummaryQuery>;

const figures = {
  calls: Type.Integer(),
  inputTokens: Type.Integer(),
  cacheReadTokens: Type.Integer(),
  outputTokens: Type.Integer(),
  costNanoUsd: nullable(Type.Integer({ description: "Sum of the known prices; null when no price was known" })),
  unpricedCalls: Type.Integer({ description: "Calls whose price is not known and not in the sum" }),
  savedNanoUsd: Money,
  cacheHits: Type.Integer(),
};

/** `key` is the group's id (squad, member), model name or day; null for calls outside any squad or member. */
export const UsageRow = object({ key: nullable(Type.String()), label: Type.String(), ...figures });
export type UsageRow = Static<typeof UsageRow>;
export const UsageSummary = object({
  from: Timestamp,
  to: Timestamp,
  groupBy: Type.Enum(usageGroups),
  rows: Type.Array(UsageRow),
  total: object(figures),
});
export type UsageSummary = Static<typeof UsageSummary>;

export const UsageEntry = object({
  id: Id,
  at: Timestamp,
  squadId: nullable(Id),
  memberId: nullable(Id),
  executionId: nullable(Id),
  provider: Type.Enum(providerKinds),
  model: Type.String(),
  lane: Type.Enum(llmLanes),
  outcome: Type.Enum(["done", "failed", "lost", "cancelled"]),
  cacheResult: Type.Enum(cacheResults),
  inputTokens: Type.Integer(),
  cacheReadTokens: Type.Integer(),
  cacheWriteTokens: Type.Integer(),
  outputTokens: Type.Integer(),
  reasoningTokens: Type.Integer(),
  estimated: Type.Boolean(),
  costNanoUsd: MaybeMoney,
  savedNanoUsd: MaybeMoney,
  latencyMs: nullable(Type.Integer()),
  timeToFirstTokenMs: nullable(Type.Integer()),
  rateWaitMs: nullable(Type.Integer()),
});
export type UsageEntry = Static<typeof UsageEntry>;
export const UsagePage = cursorPageOf(UsageEntry);
export type UsagePage = Static<typeof UsagePage>;
export const UsageListQuery = object(cursorQuery);
export type UsageListQuery = Static<typeof UsageListQuery>;

/** CSV (RFC 4180) of the calls in the range, newest first, streamed. */
export const UsageExportQuery = object(range);
export type UsageExportQuery = Static<typeof UsageExportQuery>;
