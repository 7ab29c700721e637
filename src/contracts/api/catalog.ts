import { type Static, Type } from "typebox";
import { providerKinds, squadProcesses, toolClasses } from "../closed-sets.ts";
import { listOf, nullable, object } from "./common.ts";

export const SquadTemplateView = object({
  slug: Type.String(),
  name: Type.String(),
  summary: Type.String(),
  process: Type.Enum(squadProcesses),
  goal: Type.String(),
  members: Type.Array(object({ name: Type.String(), role: Type.String(), isLead: Type.Boolean() })),
});
export type SquadTemplateView = Static<typeof SquadTemplateView>;
export const SquadTemplateList = listOf(SquadTemplateView);
export type SquadTemplateList = Static<typeof SquadTemplateList>;

export const RoleView = object({
  slug: Type.String(),
  name: Type.String(),
  summary: Type.String(),
  tools: Type.Array(Type.String()),
  instructions: Type.String(),
});
export type RoleView = Static<typeof RoleView>;
export const RoleList = listOf(RoleView);
export type RoleList = Static<typeof RoleList>;

/** Prices are nano-USD per token and null when not known. `available` says that a configured provider offers it. */
export const ModelView = object({
  id: Type.String(),
  name: Type.String(),
  provider: Type.Enum(providerKinds),
  contextTokens: nullable(Type.Integer()),
  maxOutputTokens: nullable(Type.Integer()),
  inputNanoUsdPerToken: nullable(Type.Number()),
  outputNanoUsdPerToken: nullable(Type.Number()),
  available: Type.Boolean(),
});
export type ModelView = Static<typeof ModelView>;
/** `defaultModel` is what a new member gets when none is named. */
export const ModelList = object({ data: Type.Array(ModelView), defaultModel: Type.String() });
export type ModelList = Static<typeof ModelList>;

export const ToolView = object({ name: Type.String(), description: Type.String(), class: Type.Enum(toolClasses) });
export type ToolView = Static<typeof ToolView>;
export const ToolList = listOf(ToolView);
export type ToolList = Static<typeof ToolList>;
