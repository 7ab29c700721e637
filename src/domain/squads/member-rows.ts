import type { Queryable } from "#db";
import type { MemberValues } from "./member-values.ts";

/** A member as it is stored. */
export interface MemberRowValues extends MemberValues {
  id: string;
  isLead: boolean;
  position: number;
}

/** Inserts members in one statement; those whose id the squad has already are changed instead. */
export async function insertMembers(db: Queryable, squadId: string, members: MemberRowValues[]): Promise<void> {
  await db.query(
    "squad_members_put",
    `INSERT INTO squad_members (id, squad_id, name, role, model, instructions, tools, is_lead, position)
     SELECT (m->>'id')::uuid, $1, m->>'name', m->>'role', m->>'model', m->>'instructions',
       ARRAY(SELECT jsonb_array_elements_text(m->'tools')), (m->>'isLead')::boolean, (m->>'position')::integer
     FROM jsonb_array_elements($2::jsonb) m
     ON CONFLICT (id) DO UPDATE SET name = excluded.name, role = excluded.role, model = excluded.model,
       instructions = excluded.instructions, tools = excluded.tools, is_lead = excluded.is_lead,
       position = excluded.position, updated_at = now()
     WHERE squad_members.squad_id = $1`,
    [squadId, JSON.stringify(members)],
  );
}
