import type { SquadListItem } from "#contracts";
import { AppLink } from "../../components/ui/app-link.tsx";
import { AvatarStack } from "../../components/ui/avatar.tsx";
import { SquadState } from "./squad-card.tsx";

/** A squad in a narrow list. */
export function SquadLine({ squad }: { squad: SquadListItem }) {
  return (
    <li>
      <AppLink
        href={`/squads/${squad.id}`}
        className="flex h-10 items-center gap-2.5 px-3 -outline-offset-2 hover:bg-hover"
      >
        <span className="min-w-0 flex-1 truncate font-medium">{squad.name}</span>
        <SquadState squad={squad} />
        <AvatarStack members={squad.members} max={4} size={20} />
      </AppLink>
    </li>
  );
}
