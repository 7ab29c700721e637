import type { ReplacedSquadMember, Squad, SquadMember, UpdateSquadBody } from "#contracts";
import { type Transaction, uuidv7 } from "#db";
import type { SquadCatalog } from "../catalog.ts";
import { notFound, type Refusal, type Scope, type Store } from "../store.ts";
import { slugTaken } from "./create-squad.ts";
import { insertMembers, type MemberRowValues } from "./member-rows.ts";
import { chooseLead, fillMember } from "./member-values.ts";
import { readSquad } from "./squads.queries.ts";

/** Changes a squad; `members`, when given, replaces all of them. Executions that run keep what they began with. */
export async function updateSquad(
  db: Store,
  scope: Scope,
  squadId: string,
  body: UpdateSquadBody,
  catalog: SquadCatalog,
): Promise<{ outcome: "ok"; squad: Squad } | Refusal> {
  try {
    return await db.transaction(async (transaction) => {
      const present = await lockSquad(transaction, scope, squadId);
      if (!present) return notFound("squad");
      if (body.ifUpdatedAt !== undefined && body.ifUpdatedAt !== present.updatedAt) return changedMeanwhile(present);
      if (body.members !== undefined) {
        const refused = await replaceMembers(transaction, present, body.members, catalog);
        if (refused) return refused;
      }
      await transaction.query(
        "squad_update",
        `UPDATE squads SET name = COALESCE($3, name), slug = COALESCE($4, slug), goal = COALESCE($5, goal),
           status = COALESCE($6, status), process = COALESCE($7, process),
           fallback_models = COALESCE($8, fallback_models), require_approval = COALESCE($9, require_approval),
           limits = COALESCE($10, limits), updated_at = now()
         WHERE id = $2 AND user_id = $1`,
        [
          scope.userId,
          squadId,
          body.name?.trim() ?? null,
          body.slug ?? null,
          body.goal ?? null,
          body.status ?? null,
          body.process ?? null,
          body.fallbackModels ?? null,
          body.requireApproval ?? null,
          body.limits === undefined ? null : JSON.stringify(body.limits),
        ],
      );
      const squad = await readSquad(transaction, scope, squadId);
      return squad ? { outcome: "ok", squad } : notFound("squad");
    });
  } catch (error) {
    if (slugTaken(error)) {
      return {
        outcome: "already_exists",
        detail: `You have a squad with the slug "${body.slug}" already: choose another.`,
      };
    }
    throw error;
  }
}

function changedMeanwhile({ name, updatedAt }: Squad): Refusal {
  const detail = `The squad "${name}" was changed at ${updatedAt}, after what this change was made from: read it again, then send yours with that \`updatedAt\`.`;
  return { outcome: "conflict", detail };
}

/** Reads the squad and keeps other writers of it and its members out until the transaction ends. */
export async function lockSquad(transaction: Transaction, scope: Scope, squadId: string): Promise<Squad | null> {
  const { rows } = await transaction.query(
    "squad_lock",
    "SELECT id FROM squads WHERE id = $2 AND user_id = $1 FOR UPDATE",
    [scope.userId, squadId],
  );
  return rows.length === 0 ? null : readSquad(transaction, scope, squadId);
}

async function replaceMembers(
  transaction: Transaction,
  squad: Squad,
  wanted: ReplacedSquadMember[],
  catalog: SquadCatalog,
): Promise<Refusal | null> {
  const lead = chooseLead(wanted);
  if (typeof lead !== "number") return lead;
  const present = new Map(squad.members.map((member) => [member.id, member]));
  const rows: MemberRowValues[] = [];
  for (const [index, member] of wanted.entries()) {
    const kept = member.id === undefined ? undefined : present.get(member.id);
    if (member.id !== undefined && !kept) return notFound("member of this squad");
    const filled = fillMember(kept ? keepUnnamed(kept, member) : member, catalog, undefined);
    if (filled.outcome !== "ok") return filled;
    rows.push({ id: kept?.id ?? uuidv7(), ...filled.values, isLead: index === lead, position: index });
  }
  if (new Set(rows.map((row) => row.id)).size < rows.length) {
    return { outcome: "validation_failed", detail: "members: the same id stands twice." };
  }
  const squadId = squad.id;
  await transaction.query(
    "squad_members_drop",
    "DELETE FROM squad_members WHERE squad_id = $1 AND NOT (id = ANY($2::uuid[]))",
    [squadId, rows.map((row) => row.id)],
  );
  // Two leads may not stand there even for a moment: the unique index is checked row by row.
  await transaction.query(
    "squad_lead_clear",
    "UPDATE squad_members SET is_lead = false WHERE squad_id = $1 AND is_lead",
    [squadId],
  );
  await insertMembers(transaction, squadId, rows);
  return null;
}

/** What a replacement does not say stays as it was. */
function keepUnnamed(kept: SquadMember, member: ReplacedSquadMember): ReplacedSquadMember {
  return { model: kept.model, instructions: kept.instructions, tools: kept.tools, ...member };
}
