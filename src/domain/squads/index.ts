export { addSquadMember, removeSquadMember, updateSquadMember } from "./change-members.ts";
export { createSquad } from "./create-squad.ts";
export { deleteSquad } from "./delete-squad.ts";
export { findSquadBySlug, listSquadSlugs, listSquads, readSquad, readSquadMember } from "./squads.queries.ts";
export { updateSquad } from "./update-squad.ts";
