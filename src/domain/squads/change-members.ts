import type { NewSquadMember, Squad, SquadMember, UpdateSquadMemberBody } from "#contracts";
import { type Transaction, uuidv7 } from "#db";
import type { SquadCatalog } from "../catalog.ts";
import { notFound, type Refusal, type Scope, type Store } from "../store.ts";
import { insertMembers } from "./member-rows.ts";
import { checkTools, fillMember } from "./member-values.ts";
import { readSquad } from "./squads.queries.ts";
import { lockSquad } from "./update-squad.ts";

type SquadOutcome = { outcome: "ok"; squad: Squad } | Refusal;
const maxMembers = 50;

/** Adds a member at the end; marked as lead it replaces the present one. */
export function addSquadMember(
  db: Store,
  scope: Scope,
  squadId: string,
  body: NewSquadMember,
  catalog: SquadCatalog,
): Promise<SquadOutcome> {
  return changeSquad(db, scope, squadId, async (transaction, squad) => {
    if (squad.members.length >= maxMembers) {
      return { outcome: "squad_invalid", detail: `A squad has at most ${maxMembers} members: remove one first.` };
    }
    const filled = fillMember(body, catalog, squad.members.find((member) => member.isLead)?.model);
    if (filled.outcome !== "ok") return filled;
    const isLead = body.isLead === true || squad.members.length === 0;
    if (isLead) await clearLead(transaction, squadId);
    const position = Math.max(-1, ...squad.members.map((member) => member.position)) + 1;
    await insertMembers(transaction, squadId, [{ id: uuidv7(), ...filled.values, isLead, position }]);
    return null;
  });
}

/** Changes one member. */
export function updateSquadMember(
  db: Store,
  scope: Scope,
  squadId: string,
  memberId: string,
  body: UpdateSquadMemberBody,
  catalog: SquadCatalog,
): Promise<SquadOutcome> {
  return changeSquad(db, scope, squadId, async (transaction, squad) => {
    const member = squad.members.find((one) => one.id === memberId);
    if (!member) return notFound("member of this squad");
    const refused = checkTools(body.tools, catalog);
    if (refused) return refused;
    if (body.isLead === true && !member.isLead) await clearLead(transaction, squadId);
    const isLead = body.isLead ?? member.isLead;
    const { avatarKey: _, ...present } = member;
    await insertMembers(transaction, squadId, [
      { ...present, ...body, name: (body.name ?? member.name).trim(), isLead },
    ]);
    return null;
  });
}

/** Removes a member. The lead and the last member stay: a squad without them cannot run. */
export function removeSquadMember(db: Store, scope: Scope, squadId: string, memberId: string): Promise<SquadOutcome> {
  return changeSquad(db, scope, squadId, async (transaction, squad) => {
    const member: SquadMember | undefined = squad.members.find((one) => one.id === memberId);
    if (!member) return notFound("member of this squad");
    if (member.isLead) {
      return { outcome: "squad_invalid", detail: "The lead cannot be removed: make another member the lead first." };
    }
    await transaction.query("squad_member_remove", "DELETE FROM squad_members WHERE id = $1 AND squad_id = $2", [
      memberId,
      squadId,
    ]);
    return null;
  });
}

async function changeSquad(
  db: Store,
  scope: Scope,
  squadId: string,
  change: (transaction: Transaction, squad: Squad) => Promise<Refusal | null>,
): Promise<SquadOutcome> {
  return db.transaction(async (transaction) => {
    const present = await lockSquad(transaction, scope, squadId);
    if (!present) return notFound("squad");
    const refused = await change(transaction, present);
    if (refused) return refused;
    await transaction.query("squad_touch", "UPDATE squads SET updated_at = now() WHERE id = $1", [squadId]);
    const squad = await readSquad(transaction, scope, squadId);
    return squad ? { outcome: "ok", squad } : notFound("squad");
  });
}

async function clearLead(transaction: Transaction, squadId: string): Promise<void> {
  await transaction.query(
    "squad_lead_clear",
    "UPDATE squad_members SET is_lead = false WHERE squad_id = $1 AND is_lead",
    [squadId],
  );
}
