import type { ModelList, SquadListItem } from "#contracts";
import { Select } from "../../components/ui/field.tsx";
import { modelName } from "../../lib/model-name.ts";
import { ModelOptions } from "../squads/model-options.tsx";
import { type Partner, squadPartner } from "./partner.ts";

interface PartnerSelectProps {
  squads: SquadListItem[];
  models: ModelList | undefined;
  partner: Partner;
  /** A conversation stays with whom it began. */
  fixed: boolean;
  onChoose: (partner: Partner) => void;
}

/** Whom to chat with: a squad as a whole, one of its members, or a model as it is. */
export function PartnerSelect({ squads, models, partner, fixed, onChoose }: PartnerSelectProps) {
  const known =
    squads.some((squad) => squadPartner(squad) === partner) ||
    squads.some((squad) => squad.members.some(({ id }) => `member:${id}` === partner)) ||
    models?.data.some(({ id }) => `model:${id}` === partner);
  return (
    <Select
      aria-label="Whom to chat with"
      title="Models with their prices per million tokens, in / out"
      value={partner}
      disabled={fixed}
      onChange={(event) => onChoose(event.target.value)}
      // Of one width before and after its options are there, and with room for the buttons beside it on a phone.
      className="w-[calc(100vw-13rem)] sm:w-80"
    >
      {!known && <option value={partner}>{nameOf(partner)}</option>}
      {squads.map((squad) => (
        <optgroup key={squad.id} label={squad.name}>
          <option value={squadPartner(squad)}>{squad.name}, the whole squad</option>
          {squad.members.map((member) => (
            <option key={member.id} value={`member:${member.id}`}>
              {member.name}
              {member.isLead ? " (lead)" : ""}
            </option>
          ))}
        </optgroup>
      ))}
      {models && <ModelOptions models={models.data} prefix="model:" />}
    </Select>
  );
}

/** One that is not among those that can be chosen: of a squad that is paused, or not read yet. */
function nameOf(partner: Partner): string {
  if (partner.startsWith("model:")) return modelName(partner.slice("model:".length));
  return partner ? "A member of a squad" : "";
}
