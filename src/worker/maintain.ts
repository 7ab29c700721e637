import type { Database, Queryable } from "#db";
import { rollUpUsage, sweepIdempotencyKeys } from "#domain";
import { EventPacker } from "#events";

/** What one round of housekeeping did. */
export interface MaintenanceReport {
  compactedExecutions: number;
  deletedRows: number;
}

const intervalMinutes = 10;
/** A round begins no further slice after this time: the next one goes on. */
const roundMs = 120_000;
const sliceRows = 1_000;
const sliceExecutions = 200;

export interface MaintenanceOptions {
  /** Ends the round after the slice that is under way. */
  signal?: AbortSignal;
  roundMs?: number;
}

/**
 * Housekeeping, by one process for all: forgets what has expired and compacts the journals of executions that ended long
 * ago, in slices, so that no transaction is long and what piled up is gone after one round. Null when another process did it
 * within the last ten minutes.
 */
export async function maintain(db: Database, options: MaintenanceOptions = {}): Promise<MaintenanceReport | null> {
  const { rows } = await db.query<{ journal_days: number }>(
    "maintenance_turn",
    `UPDATE installation SET maintained_at = clock_timestamp()
     WHERE maintained_at IS NULL OR maintained_at < clock_timestamp() - make_interval(mins => $1) RETURNING journal_days`,
    [intervalMinutes],
  );
  const turn = rows[0];
  if (!turn) return null;
  const until = performance.now() + (options.roundMs ?? roundMs);
  const goesOn = (): boolean => performance.now() < until && options.signal?.aborted !== true;
  await rollUpUsage(db);
  await inSlices(sliceRows, goesOn, () => sweepIdempotencyKeys(db));
  let deletedRows = 0;
  for (const kind of expiring) deletedRows += await inSlices(sliceRows, goesOn, () => forgetExpired(db, kind));
  const compact = () => compactJournals(db, turn.journal_days);
  return { deletedRows, compactedExecutions: await inSlices(sliceExecutions, goesOn, compact) };
}

/** Works slice after slice until one is not full or the time is up, at least one; returns what they add up to. */
async function inSlices(full: number, goesOn: () => boolean, work: () => Promise<number>): Promise<number> {
  let sum = 0;
  for (;;) {
    const done = await work();
    sum += done;
    if (done < full || !goesOn()) return sum;
  }
}

interface Expiring {
  table: string;
  key: string;
  /** Where a row is over, and what finds such rows first (an index, where the table grows). */
  expired: string;
  by: string;
}

/** Beside answers to idempotency keys, which live 24 h. */
export const expiring: readonly Expiring[] = [
  { table: "web_vitals", key: "id", expired: "at < now() - interval '30 days'", by: "at" },
  { table: "sessions", key: "id", expired: "expires_at < now()", by: "expires_at" },
  { table: "invitations", key: "id", expired: "expires_at < now() - interval '30 days'", by: "expires_at" },
  { table: "sign_in_tries", key: "address", expired: "at < now() - interval '1 hour'", by: "at" },
  { table: "deferred_calls", key: "id", expired: "ended_at < now() - interval '30 days'", by: "ended_at" },
  { table: "llm_cache", key: "key", expired: "expires_at < now()", by: "expires_at" },
];

/** Deletes a slice of what is over in a table; returns how many rows that was. */
export async function forgetExpired(db: Queryable, { table, key, expired, by }: Expiring): Promise<number> {
  // Asked again of the rows found: one may have been prolonged meanwhile.
  const { rowCount } = await db.query(
    `maintenance_expired_${table}`,
    `DELETE FROM ${table} WHERE ${expired} AND ${key} = ANY (ARRAY(
       SELECT ${key} FROM ${table} WHERE ${expired} ORDER BY ${by} LIMIT ${sliceRows}))`,
  );
  return rowCount ?? 0;
}

/**
 * Compacts a slice of the executions that ended more than `days` ago and returns how many: the text of a message then stands only in the message (deltas
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
    [days, sliceExecutions],
  );
  for (const { id } of rows) await compactExecution(db, id);
  return rows.length;
}

async function compactExecution(db: Database, executionId: string): Promise<void> {
  const [batches, messages] = await Promise.all([
    db.query<EventBatch>(
      "maintenance_deltas",
      `SELECT last_seq, ids, body FROM execution_event_batches WHERE execution_id = $1 AND body ~ 'message-(delta|reset)' ORDER BY last_seq`,
      [executionId],
    ),
    db.query<{ id: string; content: string }>(
      "maintenance_messages",
      "SELECT id, content FROM agent_messages WHERE task_execution_id = $1",
      [executionId],
    ),
  ]);
  const shorter = shorten(batches.rows, new Map(messages.rows.map((row) => [row.id, row.content])));
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
      `UPDATE execution_event_batches b SET ids = s.ids::uuid[], body = s.body
       FROM unnest($2::bigint[], $3::text[], $4::text[]) AS s(last_seq, ids, body)
       WHERE b.execution_id = $1 AND b.last_seq = s.last_seq`,
      [
        executionId,
        shorter.map((one) => one.last_seq),
        shorter.map((one) => `{${one.ids.join(",")}}`),
        shorter.map((one) => one.body),
      ],
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

/** A row of `execution_event_batches`. */
interface EventBatch {
  last_seq: number;
  ids: string[];
  body: string;
}

/**
 * The batches whose deltas point into their messages afterwards (UTF-16 units), in place of repeating the text; a delta
 * that does not match its message is left as it is.
 */
function shorten(batches: EventBatch[], contents: Map<string, string>): EventBatch[] {
  const position = new Map<string, number>();
  const changed: EventBatch[] = [];
  for (const { last_seq, ids, body } of batches) {
    const packer = new EventPacker(ids);
    let same = true;
    const events = (JSON.parse(body) as [string | number, { messageId: string; text?: string }][]).map((event) => {
      const [type, data] = event;
      if (type === "message-reset") position.set(data.messageId, 0);
      if (type !== "message-delta" || data.text === undefined) return JSON.stringify(event);
      const { messageId, text } = data;
      const from = position.get(messageId) ?? 0;
      const to = from + text.length;
      position.set(messageId, to);
      if (!contents.get(messageId)?.startsWith(text, from)) return JSON.stringify(event);
      same = false;
      return packer.pack([{ type, data: { messageId, from, to } }]).body;
    });
    if (!same) changed.push({ last_seq, ids: packer.ids, body: `[${events.join(",")}]` });
  }
  return changed;
}
