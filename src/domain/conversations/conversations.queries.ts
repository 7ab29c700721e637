import type {
  ChatBill,
  Conversation,
  ConversationMessage,
  ConversationMessagePage,
  ConversationPage,
} from "#contracts";
import { cursorPage, decodeCursor, type Queryable } from "#db";
import type { Scope } from "../store.ts";

interface ConversationRow {
  id: string;
  title: string;
  squad_member_id: string | null;
  model: string | null;
  created_at: Date;
}

interface MessageRow {
  id: string;
  role: ConversationMessage["role"];
  content: string;
  bill: ChatBill | null;
  created_at: Date;
}

function toConversation(row: ConversationRow): Conversation {
  return {
    id: row.id,
    title: row.title,
    squadMemberId: row.squad_member_id,
    model: row.model,
    createdAt: row.created_at.toISOString(),
  };
}

function toMessage(row: MessageRow): ConversationMessage {
  return { id: row.id, role: row.role, content: row.content, bill: row.bill, createdAt: row.created_at.toISOString() };
}

/** The user's conversations, newest first. */
export async function listConversations(
  db: Queryable,
  scope: Scope,
  query: { cursor?: string; limit?: number },
): Promise<ConversationPage> {
  const limit = query.limit ?? 100;
  const after = query.cursor === undefined ? null : decodeCursor(query.cursor);
  const { rows } = await db.query<ConversationRow>(
    "conversations_list",
    `SELECT id, title, squad_member_id, model, created_at FROM conversations
     WHERE user_id = $1 AND ($3::uuid IS NULL OR id < $3) ORDER BY id DESC LIMIT $2`,
    [scope.userId, limit + 1, after],
  );
  return cursorPage(rows, limit, (row) => row.id, toConversation);
}

/** One conversation; null when it is missing or another's. */
export async function readConversation(db: Queryable, scope: Scope, id: string): Promise<Conversation | null> {
  const { rows } = await db.query<ConversationRow>(
    "conversation_read",
    "SELECT id, title, squad_member_id, model, created_at FROM conversations WHERE id = $2 AND user_id = $1",
    [scope.userId, id],
  );
  return rows[0] ? toConversation(rows[0]) : null;
}

/** The messages of a conversation, newest first; null when it is missing or another's. */
export async function listConversationMessages(
  db: Queryable,
  scope: Scope,
  conversationId: string,
  query: { cursor?: string; limit?: number },
): Promise<ConversationMessagePage | null> {
  const limit = query.limit ?? 100;
  const after = query.cursor === undefined ? null : decodeCursor(query.cursor);
  const { rows } = await db.query<MessageRow & { owned: boolean }>(
    "conversation_messages_list",
    `SELECT m.id, m.role, m.content, m.bill, m.created_at FROM conversations c
     LEFT JOIN LATERAL (SELECT m.id, m.role, m.content, m.bill, m.created_at FROM conversation_messages m
       WHERE m.conversation_id = c.id AND ($4::uuid IS NULL OR m.id < $4) ORDER BY m.id DESC LIMIT $3) m ON true
     WHERE c.id = $2 AND c.user_id = $1`,
    [scope.userId, conversationId, limit + 1, after],
  );
  if (rows.length === 0) return null;
  // A conversation without messages (on this page) comes as one row of nulls.
  const messages = rows.filter((row) => row.id !== null);
  return cursorPage(messages, limit, (row) => row.id, toMessage);
}
