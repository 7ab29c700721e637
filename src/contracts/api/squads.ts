import { type Static, Type } from "typebox";
import { squadProcesses, squadStatuses } from "../closed-sets.ts";
import { BudgetState } from "./budgets.ts";
import { Id, Name, nullable, object, pageOf, pageQuery, SearchText, Timestamp } from "./common.ts";

const Slug = Type.String({
  minLength: 1,
  maxLength: 64,
  pattern: "^[a-z0-9]+(-[a-z0-9]+)*$",
  description: "Lower-case letters and digits, with single hyphens between",
});
const ModelName = Type.String({ minLength: 1, maxLength: 200 });
const RoleSlug = Type.String({ minLength: 1, maxLength: 64 });
const Goal = Type.String({ maxLength: 4000 });
const Instructions = Type.String({ maxLength: 20_000 });
const Tools = Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { maxItems: 50, uniqueItems: true });
const FallbackModels = Type.Array(ModelName, { maxItems: 5, uniqueItems: true });

/** Bounds of one execution, all set. */
export const ExecutionLimitsView = object({
  maxSteps: Type.Integer(),
  maxLlmCalls: Type.Integer(),
  maxToolCalls: Type.Integer(),
  maxDurationMs: Type.Integer(),
  maxParallelSteps: Type.Integer(),
  maxReviewRounds: Type.Integer(),
});
export type ExecutionLimitsView = Static<typeof ExecutionLimitsView>;

/** Bounds a client sets; those it leaves out take their default. */
export const ExecutionLimitsBody = object({
  maxSteps: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
  maxLlmCalls: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
  maxToolCalls: Type.Optional(Type.Integer({ minimum: 0, maximum: 20_000 })),
  maxDurationMs: Type.Optional(Type.Integer({ minimum: 1_000, maximum: 604_800_000 })),
  maxParallelSteps: Type.Optional(Type.Integer({ minimum: 1, maximum: 64 })),
  maxReviewRounds: Type.Optional(Type.Integer({ minimum: 0, maximum: 10 })),
});
export type ExecutionLimitsBody = Static<typeof ExecutionLimitsBody>;

const memberBase = {
  id: Id,
  name: Type.String(),
  role: Type.String(),
  model: Type.String(),
  tools: Type.Array(Type.String()),
  isLead: Type.Boolean(),
  position: Type.Integer(),
  avatarKey: nullable(Type.String()),
};

export const SquadMember = object({ ...memberBase, instructions: Type.String() });
export type SquadMember = Static<typeof SquadMember>;

/** A member as lists show it. */
export const SquadMemberSummary = object({
  id: Id,
  name: Type.String(),
  role: Type.String(),
  model: Type.String(),
  isLead: Type.Boolean(),
  avatarKey: nullable(Type.String()),
});
export type SquadMemberSummary = Static<typeof SquadMemberSummary>;

const squadBase = {
  id: Id,
  slug: Type.String(),
  name: Type.String(),
  status: Type.Enum(squadStatuses),
  process: Type.Enum(squadProcesses),
  createdAt: Timestamp,
  updatedAt: Timestamp,
};

export const Squad = object({
  ...squadBase,
  goal: Type.String(),
  fallbackModels: Type.Array(Type.String()),
  requireApproval: Type.Boolean(),
  limits: ExecutionLimitsView,
  budget: nullable(BudgetState),
  members: Type.Array(SquadMember),
});
export type Squad = Static<typeof Squad>;

/** A squad as lists show it: the goal's beginning, members without their instructions. */
export const SquadListItem = object({
  ...squadBase,
  goal: Type.String({ description: "The first 200 characters" }),
  liveExecutions: Type.Integer({ description: "Executions that are queued, running, paused or await approval" }),
  spentMonthNanoUsd: Type.Integer({
    description: "nano-USD: what its calls of this month (UTC) cost, as far as their price is known",
  }),
  spentMonthIncomplete: Type.Boolean({ description: "Some of these calls have no known price" }),
  budget: nullable(BudgetState),
  members: Type.Array(SquadMemberSummary),
});
export type SquadListItem = Static<typeof SquadListItem>;

export const SquadPage = pageOf(SquadListItem);
export type SquadPage = Static<typeof SquadPage>;
export const SquadListQuery = object({
  ...pageQuery,
  status: Type.Optional(Type.Enum(squadStatuses)),
  search: Type.Optional(SearchText),
});
export type SquadListQuery = Static<typeof SquadListQuery>;
export const SquadParams = object({ squadId: Id });
export const SquadMemberParams = object({ squadId: Id, squadMemberId: Id });
/** Answer of reads and writes of one squad. */
export const SquadAnswer = object({ squad: Squad });
export type SquadAnswer = Static<typeof SquadAnswer>;

export const NewSquadMember = object({
  name: Name,
  role: RoleSlug,
  model: Type.Optional(ModelName),
  instructions: Type.Optional(Instructions),
  tools: Type.Optional(Tools),
  isLead: Type.Optional(Type.Boolean()),
});
export type NewSquadMember = Static<typeof NewSquadMember>;

/**
 * With `template` the members, process and goal come from it unless given; without it at least one member is needed.
 * `model` is what members without a model of their own use; the default is the best model available.
 * Without a member marked as lead the first one is the lead.
 */
export const CreateSquadBody = object({
  name: Type.Optional(Name),
  slug: Type.Optional(Slug),
  template: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  goal: Type.Optional(Goal),
  process: Type.Optional(Type.Enum(squadProcesses)),
  model: Type.Optional(ModelName),
  fallbackModels: Type.Optional(FallbackModels),
  requireApproval: Type.Optional(Type.Boolean()),
  limits: Type.Optional(ExecutionLimitsBody),
  members: Type.Optional(Type.Array(NewSquadMember, { minItems: 1, maxItems: 50 })),
});
export type CreateSquadBody = Static<typeof CreateSquadBody>;

/** A member in a replacement of all members: with `id` it is kept and changed, without it is new. */
export const ReplacedSquadMember = object({
  id: Type.Optional(Id),
  name: Name,
  role: RoleSlug,
  model: Type.Optional(ModelName),
  instructions: Type.Optional(Instructions),
  tools: Type.Optional(Tools),
  isLead: Type.Optional(Type.Boolean()),
});
export type ReplacedSquadMember = Static<typeof ReplacedSquadMember>;

/** `members` replaces all of them, in the order given. Absent fields stay as they are. */
export const UpdateSquadBody = object({
  ifUpdatedAt: Type.Optional({
    ...Timestamp,
    description:
      "The `updatedAt` that the change was made from: when the squad was changed since, nothing is and the answer is 409 `conflict`",
  }),
  name: Type.Optional(Name),
  slug: Type.Optional(Slug),
  goal: Type.Optional(Goal),
  status: Type.Optional(Type.Enum(squadStatuses)),
  process: Type.Optional(Type.Enum(squadProcesses)),
  fallbackModels: Type.Optional(FallbackModels),
  requireApproval: Type.Optional(Type.Boolean()),
  limits: Type.Optional(ExecutionLimitsBody),
  members: Type.Optional(Type.Array(ReplacedSquadMember, { minItems: 1, maxItems: 50 })),
});
export type UpdateSquadBody = Static<typeof UpdateSquadBody>;

/** `isLead: true` makes this member the lead in place of the present one. */
export const UpdateSquadMemberBody = object({
  name: Type.Optional(Name),
  role: Type.Optional(RoleSlug),
  model: Type.Optional(ModelName),
  instructions: Type.Optional(Instructions),
  tools: Type.Optional(Tools),
  isLead: Type.Optional(Type.Literal(true)),
  position: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000 })),
});
export type UpdateSquadMemberBody = Static<typeof UpdateSquadMemberBody>;
