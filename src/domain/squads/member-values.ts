import type { ErrorCode, NewSquadMember } from "#contracts";
import type { SquadCatalog } from "../catalog.ts";
import type { Refusal } from "../store.ts";

/** The columns of a member that come from a request. */
export interface MemberValues {
  name: string;
  role: string;
  model: string;
  instructions: string;
  tools: string[];
}

function invalid(detail: string): Refusal {
  return { outcome: "validation_failed" satisfies ErrorCode, detail };
}

/** Refuses tools that do not exist, naming those that do. */
export function checkTools(tools: readonly string[] | undefined, catalog: SquadCatalog): Refusal | null {
  const unknown = tools?.find((tool) => !catalog.toolNames.includes(tool));
  if (unknown === undefined) return null;
  return invalid(`There is no tool "${unknown}"; choose from ${catalog.toolNames.join(", ")}.`);
}

/**
 * Fills what a request left out: tools and instructions from the member's role, the model from the squad. A role that
 * is not in the catalog is allowed when it comes with instructions of its own.
 */
export function fillMember(
  member: Pick<NewSquadMember, "name" | "role"> & Partial<NewSquadMember>,
  catalog: SquadCatalog,
  squadModel: string | undefined,
): { outcome: "ok"; values: MemberValues } | Refusal {
  const role = catalog.roles.find((one) => one.slug === member.role);
  if (!role && member.instructions === undefined) {
    return invalid(
      `There is no role "${member.role}": choose one of GET /api/v1/roles, or send instructions for a role of your own.`,
    );
  }
  const refused = checkTools(member.tools, catalog);
  if (refused) return refused;
  return {
    outcome: "ok",
    values: {
      name: member.name.trim(),
      role: member.role,
      model: member.model ?? squadModel ?? catalog.defaultModel,
      instructions: member.instructions ?? role?.instructions ?? "",
      tools: member.tools ?? role?.tools.filter((tool) => catalog.toolNames.includes(tool)) ?? [],
    },
  };
}

/** Index of the one lead: the member marked so, else the first. Refuses two. */
export function chooseLead(members: readonly { isLead?: boolean }[]): number | Refusal {
  const marked = members.flatMap((member, index) => (member.isLead === true ? [index] : []));
  if (marked.length > 1) return invalid("A squad has exactly one lead: mark one member with isLead.");
  return marked[0] ?? 0;
}
