import type { Conversation, SquadListItem } from "#contracts";

/** Whom one talks with: `member:ID`, `model:ID` (a squad is the model `squad/SLUG`), or nobody (""). */
export type Partner = string;

/** Whom a conversation is with; "" where the member is gone. */
export function partnerOf({ squadMemberId, model }: Conversation): Partner {
  if (squadMemberId) return `member:${squadMemberId}`;
  return model ? `model:${model}` : "";
}

/** A squad as a partner: it works on each message as on a task, and its result is the answer. */
export const squadPartner = (squad: SquadListItem): Partner => `model:squad/${squad.slug}`;

export const isSquad = (partner: Partner): boolean => partner.startsWith("model:squad/");

/** What a chat message names them by. */
export function addressOf(partner: Partner): { squadMemberId: string } | { model: string } {
  const [kind, ...rest] = partner.split(":");
  return kind === "member" ? { squadMemberId: rest.join(":") } : { model: rest.join(":") };
}
