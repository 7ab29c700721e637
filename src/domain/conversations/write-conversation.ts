import type { ChatBill } from "#contracts";
import { type Queryable, uuidv7 } from "#db";
import { notFound, type Refusal, type Scope, type Store } from "../store.ts";

/** Who a conversation is with. */
export interface ConversationPartner {
  squadMemberId: string | null;
  model: string | null;
}

const titleLength = 80;

/** Begins a conversation with its first message, or adds a message to one that was checked to be the user's. */
export async function addUserMessage(
  db: Store,
  scope: Scope,
  conversation: { id: string } | ConversationPartner,
  message: string,
): Promise<{ conversationId: string; messageId: string }> {
  return db.transaction(async (transaction) => {
    const conversationId = "id" in conversation ? conversation.id : uuidv7();
    if (!("id" in conversation)) {
      await transaction.query(
        "conversation_create",
        "INSERT INTO conversations (id, user_id, squad_member_id, model, title) VALUES ($1, $2, $3, $4, $5)",
        [
          conversationId,
          scope.userId,
          conversation.squadMemberId,
          conversation.model,
          message.replace(/\s+/g, " ").trim().slice(0, titleLength),
        ],
      );
    }
    const messageId = await addMessage(transaction, conversationId, "user", message, null);
    return { conversationId, messageId };
  });
}

/** Stores an answer, whole with its bill or as far as it came without one. Returns the message's id. */
export function addAssistantMessage(
  db: Queryable,
  conversationId: string,
  content: string,
  bill: ChatBill | null,
): Promise<string> {
  return addMessage(db, conversationId, "assistant", content, bill);
}

async function addMessage(
  db: Queryable,
  conversationId: string,
  role: "user" | "assistant",
  content: string,
  bill: ChatBill | null,
): Promise<string> {
  const id = uuidv7();
  await db.query(
    "conversation_message_add",
    "INSERT INTO conversation_messages (id, conversation_id, role, content, bill) VALUES ($1, $2, $3, $4, $5)",
    [id, conversationId, role, content, bill && JSON.stringify(bill)],
  );
  return id;
}

/** Deletes a conversation with its messages. */
export async function deleteConversation(
  db: Queryable,
  scope: Scope,
  id: string,
): Promise<{ outcome: "ok" } | Refusal> {
  const { rowCount } = await db.query(
    "conversation_delete",
    "DELETE FROM conversations WHERE id = $1 AND user_id = $2",
    [id, scope.userId],
  );
  return rowCount === 1 ? { outcome: "ok" } : notFound("conversation");
}
