import { AppError, type ChatBody } from "#contracts";
import {
  type ConversationPartner,
  listConversationMessages,
  readConversation,
  readSquadMember,
  type Scope,
  type Store,
} from "#domain";
import type { LlmMessage } from "#llm";
import { expectFound } from "../../expect-ok.ts";

/** Messages of a conversation that go along with a new one; the gateway trims them to the model's window. */
const historyLength = 100;

/** Whom a chat message goes to and what was said before. */
export interface ResolvedChat {
  conversation: { id: string } | ConversationPartner;
  model: string;
  fallbackModels: string[];
  squadId: string | null;
  memberId: string | null;
  messages: LlmMessage[];
}

/** Finds the member or model of a chat message and its history. Throws 404 for things of others. */
export async function resolvePartner(db: Store, scope: Scope, body: ChatBody): Promise<ResolvedChat> {
  if (body.squadMemberId !== undefined && body.model !== undefined) {
    throw new AppError("validation_failed", "Send squadMemberId or model, not both.");
  }
  const present =
    body.conversationId === undefined
      ? null
      : expectFound(await readConversation(db, scope, body.conversationId), "conversation");
  const partner: ConversationPartner = present ?? {
    squadMemberId: body.squadMemberId ?? null,
    model: body.model ?? null,
  };
  const history = present ? await readHistory(db, scope, present.id) : [];
  const base = { conversation: present ? { id: present.id } : partner, squadId: null, memberId: null };
  // A conversation keeps whom it is with; another model may be asked within it.
  const memberId = body.model === undefined ? (body.squadMemberId ?? partner.squadMemberId) : null;
  if (memberId !== null) {
    const member = expectFound(await readSquadMember(db, scope, memberId), "squad member");
    const system: LlmMessage[] =
      member.instructions.trim() === "" ? [] : [{ role: "system", content: member.instructions.trim() }];
    return {
      ...base,
      model: member.model,
      fallbackModels: member.fallbackModels,
      squadId: member.squadId,
      memberId: member.id,
      messages: [...system, ...history, { role: "user", content: body.message }],
    };
  }
  const model = body.model ?? partner.model;
  if (model === null) {
    throw new AppError("validation_failed", "Send squadMemberId or model: who is the message for?");
  }
  return { ...base, model, fallbackModels: [], messages: [...history, { role: "user", content: body.message }] };
}

async function readHistory(db: Store, scope: Scope, conversationId: string): Promise<LlmMessage[]> {
  const page = await listConversationMessages(db, scope, conversationId, { limit: historyLength });
  return (page?.data ?? []).reverse().map(({ role, content }) => ({ role, content }));
}
