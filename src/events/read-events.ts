import type { ExecutionEventType } from "#contracts";
import type { Database } from "#db";
import type { StoredEvent } from "./stored-event.ts";

interface EventRow {
  seq: string;
  type: ExecutionEventType;
  at: Date;
  data: Record<string, unknown>;
  content: string | null;
}

/**
 * Events of one execution after a sequence number, in order, at most `limit`. The text of a finished message is stored
 * once, with the message: a delta then says which part of it (`from`, `to` in UTF-16 units) was shown.
 */
export async function readEvents(
  db: Database,
  executionId: string,
  afterSeq: number,
  limit: number,
): Promise<StoredEvent[]> {
  const { rows } = await db.query<EventRow>(
    "events_after",
    `SELECT e.seq, e.type, e.at, e.data, m.content
     FROM execution_events e
     LEFT JOIN agent_messages m ON e.type = 'message-delta' AND e.data ? 'to' AND m.id = (e.data->>'messageId')::uuid
     WHERE e.execution_id = $1 AND e.seq > $2 ORDER BY e.seq LIMIT $3`,
    [executionId, afterSeq, limit],
  );
  return rows.map((row) => ({
    executionId,
    seq: Number(row.seq),
    type: row.type,
    at: row.at.toISOString(),
    data: withText(row),
  }));
}

function withText(row: EventRow): Record<string, unknown> {
  if (row.type !== "message-delta" || !("to" in row.data)) return row.data;
  const { messageId, from, to } = row.data as { messageId: string; from: number; to: number };
  return { messageId, text: (row.content ?? "").slice(from, to) };
}
