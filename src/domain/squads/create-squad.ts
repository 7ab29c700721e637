import type { CreateSquadBody, NewSquadMember, Squad, SquadTemplate } from "#contracts";
import { uuidv7 } from "#db";
import type { SquadCatalog } from "../catalog.ts";
import { type Refusal, type Scope, type Store, violates } from "../store.ts";
import { chooseSlug, slugify } from "./choose-slug.ts";
import { insertMembers, type MemberRowValues } from "./member-rows.ts";
import { chooseLead, fillMember } from "./member-values.ts";
import { readSquad } from "./squads.queries.ts";

/** How often a slug that someone took in the same moment is chosen anew. */
const slugAttempts = 5;

/** Makes a squad from a template or from nothing, with a unique slug and exactly one lead. */
export async function createSquad(
  db: Store,
  scope: Scope,
  body: CreateSquadBody,
  catalog: SquadCatalog,
): Promise<{ outcome: "ok"; squad: Squad } | Refusal> {
  const planned = planSquad(body, catalog);
  if ("detail" in planned) return planned;
  const wanted = body.slug ?? slugify(planned.name);
  for (let attempt = 1; ; attempt++) {
    const slug = body.slug ?? (await chooseSlug(db, scope, wanted));
    const squadId = uuidv7();
    const inserted = await db.transaction(async (transaction) => {
      const { rowCount } = await transaction.query(
        "squad_create",
        `INSERT INTO squads (id, user_id, slug, name, goal, process, fallback_models, require_approval, limits)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (user_id, slug) DO NOTHING`,
        [
          squadId,
          scope.userId,
          slug,
          planned.name,
          planned.goal,
          planned.process,
          body.fallbackModels ?? [],
          body.requireApproval ?? false,
          JSON.stringify(body.limits ?? {}),
        ],
      );
      if (rowCount === 1) await insertMembers(transaction, squadId, planned.members);
      return rowCount === 1 ? await readSquad(transaction, scope, squadId) : null;
    });
    if (inserted) return { outcome: "ok", squad: inserted };
    if (body.slug !== undefined || attempt === slugAttempts) {
      return { outcome: "already_exists", detail: `You have a squad with the slug "${slug}" already: choose another.` };
    }
  }
}

interface PlannedSquad {
  name: string;
  goal: string;
  process: SquadTemplate["process"];
  members: MemberRowValues[];
}

function planSquad(body: CreateSquadBody, catalog: SquadCatalog): PlannedSquad | Refusal {
  const template = catalog.templates.find((one) => one.slug === body.template);
  if (body.template !== undefined && !template) {
    const known = catalog.templates.map((one) => one.slug).join(", ");
    return { outcome: "validation_failed", detail: `There is no template "${body.template}"; choose from ${known}.` };
  }
  const name = body.name?.trim() ?? template?.name;
  if (name === undefined) return { outcome: "validation_failed", detail: "Send a name, or a template that has one." };
  const wanted: NewSquadMember[] | undefined = body.members ?? template?.members;
  if (wanted === undefined) {
    return { outcome: "validation_failed", detail: "Send at least one member, or the slug of a template." };
  }
  const lead = chooseLead(wanted);
  if (typeof lead !== "number") return lead;
  const members: MemberRowValues[] = [];
  for (const [index, member] of wanted.entries()) {
    const filled = fillMember(member, catalog, body.model);
    if (filled.outcome !== "ok") return filled;
    members.push({ id: uuidv7(), ...filled.values, isLead: index === lead, position: index });
  }
  return {
    name,
    goal: body.goal ?? template?.goal ?? "",
    process: body.process ?? template?.process ?? "lead",
    members,
  };
}

/** True when a write failed because the squad's slug is taken. */
export function slugTaken(error: unknown): boolean {
  return violates(error, "squads_user_id_slug_key");
}
