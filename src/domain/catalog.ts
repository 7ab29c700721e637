import type { RoleTemplate, SquadTemplate } from "#contracts";

/** What squads are made from: `agents/roles` and `agents/templates`, handed in by main/compose. */
export interface SquadCatalog {
  templates: readonly SquadTemplate[];
  roles: readonly RoleTemplate[];
  /** Names of the tools that members can be given. */
  toolNames: readonly string[];
  /** The model of members for whom none is named. */
  defaultModel: string;
}
