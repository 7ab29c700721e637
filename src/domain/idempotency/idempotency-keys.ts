import type { Queryable, Transaction } from "#db";
import type { Scope } from "../store.ts";

/** How long an answer is kept. */
export const idempotencyHours = 24;

/** An answer as it was given the first time. */
export interface StoredAnswer {
  status: number;
  headers: Record<string, string>;
  body: string | null;
}

export type IdempotencyOutcome =
  /** The first request with this key: run it in this transaction, then store its answer there. */
  | { outcome: "first" }
  | { outcome: "stored"; answer: StoredAnswer }
  | { outcome: "idempotency_in_flight" }
  | { outcome: "idempotency_key_reused" };

interface KeyRow {
  request_hash: Buffer;
  status: number | null;
  headers: Record<string, string> | null;
  body: string | null;
}

/**
 * Begins a write under a key. The row, what the request writes and its answer are one transaction: after a crash either
 * all of it is there or none, and no key stays "in flight". An advisory lock of the transaction says whether another
 * request with this key is running, in any process.
 */
export async function beginIdempotentWrite(
  transaction: Transaction,
  scope: Scope,
  key: string,
  requestHash: Buffer,
): Promise<IdempotencyOutcome> {
  const { rows: locks } = await transaction.query<{ locked: boolean }>(
    "idempotency_lock",
    "SELECT pg_try_advisory_xact_lock(hashtextextended($1 || ':' || $2, 0)) AS locked",
    [scope.userId, key],
  );
  if (!locks[0]?.locked) return { outcome: "idempotency_in_flight" };
  const { rows } = await transaction.query<KeyRow>(
    "idempotency_read",
    `SELECT request_hash, status, headers, body FROM idempotency_keys
     WHERE user_id = $1 AND key = $2 AND created_at > now() - make_interval(hours => $3)`,
    [scope.userId, key, idempotencyHours],
  );
  const row = rows[0];
  if (!row || row.status === null) return { outcome: "first" };
  if (!row.request_hash.equals(requestHash)) return { outcome: "idempotency_key_reused" };
  return { outcome: "stored", answer: { status: row.status, headers: row.headers ?? {}, body: row.body } };
}

/** Stores the answer of a write, in the transaction of the write. */
export async function storeIdempotentAnswer(
  transaction: Transaction,
  scope: Scope,
  key: string,
  requestHash: Buffer,
  answer: StoredAnswer,
): Promise<void> {
  await transaction.query(
    "idempotency_store",
    `INSERT INTO idempotency_keys (user_id, key, request_hash, status, headers, body) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (user_id, key) DO UPDATE SET request_hash = excluded.request_hash, status = excluded.status,
       headers = excluded.headers, body = excluded.body, created_at = now()`,
    [scope.userId, key, requestHash, answer.status, JSON.stringify(answer.headers), answer.body],
  );
}

/** Forgets answers older than a day, a thousand at a time; returns how many. */
export async function sweepIdempotencyKeys(db: Queryable): Promise<number> {
  const { rowCount } = await db.query(
    "idempotency_sweep",
    `DELETE FROM idempotency_keys WHERE (user_id, key) IN (SELECT user_id, key FROM idempotency_keys
     WHERE created_at < now() - make_interval(hours => $1) ORDER BY created_at LIMIT 1000)`,
    [idempotencyHours],
  );
  return rowCount ?? 0;
}
