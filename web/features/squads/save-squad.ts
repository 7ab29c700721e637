import type { Squad, SquadAnswer } from "#contracts";
import { apiGet, apiSend } from "../../lib/api.ts";
import { budgetPath, removeBudget, setBudget } from "../budgets/budget-api.ts";
import { budgetNanoUsd, createBody, type SquadForm, updateBody } from "./squad-form.ts";

/**
 * Creates or changes a squad and its budget; answers with the squad as it then is. Throws `ApiError`, with the code
 * `conflict` and nothing changed when the squad is another by now than the one given.
 */
export async function saveSquad(squad: Squad | null, form: SquadForm): Promise<SquadAnswer> {
  const answer = squad
    ? await apiSend<SquadAnswer>("PATCH", `/api/v1/squads/${squad.id}`, updateBody(form, squad))
    : await apiSend<SquadAnswer>("POST", "/api/v1/squads", createBody(form));
  const limit = budgetNanoUsd(form);
  const before = squad?.budget?.limitNanoUsd ?? null;
  if (limit === before) return answer;
  const path = budgetPath({ squadId: answer.squad.id });
  if (limit === null) await removeBudget(path);
  else await setBudget(path, limit);
  return apiGet<SquadAnswer>(`/api/v1/squads/${answer.squad.id}`);
}
