import type { CreateSquadBody, RoleView, Squad, SquadProcess, SquadTemplateView, UpdateSquadBody } from "#contracts";

/** A member as the builder edits it; `id` is absent on new ones. Empty `model` and `instructions` mean the default. */
export interface MemberForm {
  id: string | null;
  name: string;
  role: string;
  model: string;
  instructions: string;
  tools: string[];
}

/** What the builder edits. Money is in dollars as typed; empty means none. */
export interface SquadForm {
  name: string;
  goal: string;
  process: SquadProcess;
  members: MemberForm[];
  /** Place of the lead in `members`. */
  lead: number;
  requireApproval: boolean;
  fallbackModels: string[];
  budgetUsd: string;
  maxSteps: string;
  maxDurationMinutes: string;
}

export const emptyForm: SquadForm = {
  name: "",
  goal: "",
  process: "lead",
  members: [],
  lead: 0,
  requireApproval: false,
  fallbackModels: [],
  budgetUsd: "",
  maxSteps: "",
  maxDurationMinutes: "",
};

const NANO_USD = 1_000_000_000;
const minuteMs = 60_000;

export function formFromTemplate(template: SquadTemplateView, roles: RoleView[]): SquadForm {
  return {
    ...emptyForm,
    name: template.name,
    goal: template.goal.trim(),
    process: template.process,
    members: template.members.map((member) => ({ ...memberFromRole(member.role, roles), name: member.name })),
    lead: Math.max(
      0,
      template.members.findIndex((member) => member.isLead),
    ),
  };
}

/** A new member of a role: its name, tools and nothing of its own yet. */
export function memberFromRole(slug: string, roles: RoleView[], taken: string[] = []): MemberForm {
  const role = roles.find((one) => one.slug === slug);
  const base = role?.name ?? slug;
  let name = base;
  for (let count = 2; taken.includes(name); count += 1) name = `${base} ${count}`;
  return { id: null, name, role: slug, model: "", instructions: "", tools: role?.tools ?? [] };
}

export function formFromSquad(squad: Squad): SquadForm {
  const members = [...squad.members].sort((one, other) => one.position - other.position);
  return {
    name: squad.name,
    goal: squad.goal,
    process: squad.process,
    members: members.map(({ id, name, role, model, instructions, tools }) => ({
      id,
      name,
      role,
      model,
      instructions,
      tools,
    })),
    lead: Math.max(
      0,
      members.findIndex((member) => member.isLead),
    ),
    requireApproval: squad.requireApproval,
    fallbackModels: squad.fallbackModels,
    budgetUsd: squad.budget ? String(squad.budget.limitNanoUsd / NANO_USD) : "",
    maxSteps: String(squad.limits.maxSteps),
    maxDurationMinutes: String(Math.round(squad.limits.maxDurationMs / minuteMs)),
  };
}

/** A member that the stored squad does not have (any more) has no id there: it is made anew. */
function membersBody(form: SquadForm, stored: readonly { id: string }[]) {
  return form.members.map((member, index) => ({
    ...(member.id && stored.some(({ id }) => id === member.id) ? { id: member.id } : {}),
    name: member.name.trim(),
    role: member.role,
    ...(member.model ? { model: member.model } : {}),
    ...(member.instructions.trim() ? { instructions: member.instructions.trim() } : {}),
    tools: member.tools,
    isLead: index === form.lead,
  }));
}

function limitsBody(form: SquadForm) {
  const maxSteps = Number(form.maxSteps);
  const minutes = Number(form.maxDurationMinutes);
  return {
    ...(maxSteps > 0 ? { maxSteps } : {}),
    ...(minutes > 0 ? { maxDurationMs: Math.round(minutes * minuteMs) } : {}),
  };
}

/** The body that creates the squad of a form. */
export function createBody(form: SquadForm): CreateSquadBody {
  return {
    name: form.name.trim(),
    goal: form.goal.trim(),
    process: form.process,
    members: membersBody(form, []),
    requireApproval: form.requireApproval,
    fallbackModels: form.fallbackModels,
    limits: limitsBody(form),
  };
}

/** The body that makes a squad, which now has the given members, what the form says. */
export function updateBody(form: SquadForm, stored: Squad): UpdateSquadBody {
  return {
    ifUpdatedAt: stored.updatedAt,
    name: form.name.trim(),
    goal: form.goal.trim(),
    process: form.process,
    members: membersBody(form, stored.members),
    requireApproval: form.requireApproval,
    fallbackModels: form.fallbackModels,
    limits: limitsBody(form),
  };
}

/** The budget of a form in nano-USD; null when none is set. */
export function budgetNanoUsd(form: SquadForm): number | null {
  const text = form.budgetUsd.trim();
  return text === "" ? null : Math.round(Number(text) * NANO_USD);
}
