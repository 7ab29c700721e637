import type { ProviderKind, SquadProcess, SquadStatus } from "./closed-sets.ts";
import type { ExecutionLimits } from "./limits.ts";

/** A squad member as an execution sees it: an immutable copy taken when the execution was accepted. */
export interface MemberSnapshot {
  id: string;
  name: string;
  role: string;
  model: string;
  instructions: string;
  tools: string[];
  isLead: boolean;
  position: number;
}

/** The squad as an execution sees it. */
export interface SquadSnapshot {
  id: string;
  slug: string;
  name: string;
  process: SquadProcess;
  goal: string;
  fallbackModels: string[];
  limits: ExecutionLimits;
  requireApproval: boolean;
  members: MemberSnapshot[];
}

export interface TaskSnapshot {
  id: string;
  title: string;
  description: string;
  /** Names inside the workspace, below `attachments/`. */
  attachments: { name: string; bytes: number }[];
}

/** A role's template, from `agents/roles/*.md`. */
export interface RoleTemplate {
  slug: string;
  name: string;
  summary: string;
  tools: string[];
  instructions: string;
}

/** A squad's template, from `agents/templates/*.yaml`. */
export interface SquadTemplate {
  slug: string;
  name: string;
  summary: string;
  process: SquadProcess;
  goal: string;
  members: { name: string; role: string; isLead: boolean }[];
}

/** A model that can be chosen, with what it costs; prices are nano-USD per token, null when not known. */
export interface ModelInfo {
  id: string;
  name: string;
  provider: ProviderKind;
  contextTokens: number | null;
  maxOutputTokens: number | null;
  inputNanoUsdPerToken: number | null;
  outputNanoUsdPerToken: number | null;
  available: boolean;
}

export type { SquadStatus };
