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

// Numbers have no gap, so a batch's own number says whether it is within the limit: no further one is opened.
const eventsSql = `
  SELECT e.seq, e.type, e.at, e.data, m.content
  FROM (
    SELECT b.last_seq - b.events + v.nth AS seq, b.at, muster_event_type(v.value) AS type, muster_event_data(v.value, b.ids) AS data
    FROM (SELECT last_seq, at, events, ids, body FROM execution_event_batches WHERE execution_id = $1 AND last_seq > $2 ORDER BY last_seq LIMIT $3) b
      CROSS JOIN LATERAL jsonb_array_elements(b.body::jsonb) WITH ORDINALITY AS v(value, nth)
    WHERE b.last_seq - b.events < $2::bigint + $3 AND b.last_seq - b.events + v.nth > $2
  ) e
  LEFT JOIN agent_messages m ON e.type = 'message-delta' AND e.data ? 'to' AND m.id = (e.data->>'messageId')::uuid
  ORDER BY e.seq LIMIT $3`;

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
  const { rows } = await db.query<EventRow>("events_after", eventsSql, [executionId, afterSeq, limit]);
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
