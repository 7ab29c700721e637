import type { Database } from "#db";
import { sweepIdempotencyKeys } from "#domain";

/** What one round of housekeeping did. */
export interface MaintenanceReport {
  compactedExecutions: number;
  deletedRows: number;
}

const intervalMinutes = 10;
const executionsPerRound = 200;

/**
 * Housekeeping, by one process for all: forgets what has expired and compacts the journals of executions that ended long
 * ago. Null when another process did it within the last ten minutes.
 */
export async function maintain(db: Database): Promise<MaintenanceReport | null> {
  const { rows } = await db.query<{ journal_days: number }>(
    "maintenance_turn",
    `UPDATE installation SET maintained_at = clock_timestamp()
     WHERE maintained_at IS NULL OR maintained_at < clock_timestamp() - make_interval(mins => $1) RETURNING journal_days`,
    [intervalMinutes],
  );
  const turn = rows[0];
  if (!turn) return null;
  const deletedRows = await forgetExpired(db);
  return { deletedRows, compactedExecutions: await compactJournals(db, turn.journal_days) };
}

/** Answers to idempotency keys live 24 h, web vitals 30 days, sessions, invitations and cached answers until they expire. */
async function forgetExpired(db: Database): Promise<number> {
  const statements: [string, string][] = [
    ["maintenance_vitals", "DELETE FROM web_vitals WHERE at < now() - interval '30 days'"],
    ["maintenance_sessions", "DELETE FROM sessions WHERE expires_at < now()"],
    ["maintenance_invitations", "DELETE FROM invitations WHERE expires_at < now() - interval '30 days'"],
    ["maintenance_llm_cache", "DELETE FROM llm_cache WHERE expires_at < now()"],
  ];
  await sweepIdempotencyKeys(db);
  let deleted = 0;
  for (const [name, text] of statements) deleted += (await db.query(name, text)).rowCount ?? 0;
  return deleted;
}

/**
 * Compacts executions that ended more than `days` ago: the text of a message then stands only in the message (deltas
 * point into it), what models and tools answered is dropped from the journal. Messages, bills, steps and the numbering
 * of events stay, so a stream of an old execution can still be read from its first event.
 */
export async function compactJournals(db: Database, days: number): Promise<number> {
  const { rows } = await db.query<{ id: string }>(
    "maintenance_to_compact",
    `SELECT id FROM task_executions
     WHERE ended_at IS NOT NULL AND compacted_at IS NULL AND ended_at < now() - make_interval(days => $1)
       AND status IN ('completed', 'failed', 'cancelled', 'budget_exceeded')
     ORDER BY ended_at LIMIT $2`,
    [days, executionsPerRound],
  );
  for (const { id } of rows) await compactExecution(db, id);
  return rows.length;
}

interface DeltaRow {
  seq: number;
  type: string;
  data: { messageId: string; text?: string };
}

async function compactExecution(db: Database, executionId: string): Promise<void> {
  const [events, messages] = await Promise.all([
    db.query<DeltaRow>(
      "maintenance_deltas",
      `SELECT seq, type, data FROM execution_events
       WHERE execution_id = $1 AND type IN ('message-delta', 'message-reset') ORDER BY seq`,
      [executionId],
    ),
    db.query<{ id: string; content: string }>(
      "maintenance_messages",
      "SELECT id, content FROM agent_messages WHERE task_execution_id = $1",
      [executionId],
    ),
  ]);
  const ranges = rangesOf(events.rows, new Map(messages.rows.map((row) => [row.id, row.content])));
  await db.transaction(async (tx) => {
    // A retry may have started it again meanwhile: then it is left whole.
    const { rowCount } = await tx.query(
      "maintenance_compacted",
      `UPDATE task_executions SET compacted_at = clock_timestamp()
       WHERE id = $1 AND ended_at IS NOT NULL AND status IN ('completed', 'failed', 'cancelled', 'budget_exceeded')`,
      [executionId],
    );
    if (rowCount === 0) return;
    await tx.query(
      "maintenance_ranges",
      `UPDATE execution_events e SET data = jsonb_build_object('messageId', r.message_id, 'from', r.start, 'to', r.stop)
       FROM unnest($2::bigint[], $3::text[], $4::int[], $5::int[]) AS r(seq, message_id, start, stop)
       WHERE e.execution_id = $1 AND e.seq = r.seq`,
      [executionId, ...columns(ranges)],
    );
    // A completed execution is never replayed; the others keep what a retry goes on from.
    await tx.query(
      "maintenance_journal",
      `WITH t AS (SELECT id FROM task_executions WHERE id = $1 AND status = 'completed'),
       calls AS (UPDATE llm_calls SET response = NULL FROM t WHERE execution_id = t.id)
       UPDATE tool_calls SET result = NULL, arguments = '' FROM t WHERE execution_id = t.id`,
      [executionId],
    );
  });
}

interface Range {
  seq: number;
  messageId: string;
  from: number;
  to: number;
}

/** Where in its message each delta's text stands (UTF-16 units); a delta that does not match its message is left as it is. */
function rangesOf(events: DeltaRow[], contents: Map<string, string>): Range[] {
  const position = new Map<string, number>();
  const ranges: Range[] = [];
  for (const { seq, type, data } of events) {
    const { messageId, text } = data;
    if (type === "message-reset") position.set(messageId, 0);
    else if (text !== undefined) {
      const from = position.get(messageId) ?? 0;
      position.set(messageId, from + text.length);
      if (contents.get(messageId)?.startsWith(text, from))
        ranges.push({ seq, messageId, from, to: from + text.length });
    }
  }
  return ranges;
}

function columns(ranges: Range[]): unknown[] {
  return [ranges.map((r) => r.seq), ranges.map((r) => r.messageId), ranges.map((r) => r.from), ranges.map((r) => r.to)];
}
