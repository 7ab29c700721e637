import type { Database, Queryable } from "#db";
import type { Scope } from "../store.ts";
import { type IdempotencyOutcome, idempotencyHours } from "./idempotency-keys.ts";

/** A call that was begun this long ago and has no answer died with its process: it may be begun again. */
const longestCallSeconds = 1_200;

/**
 * Begins something under a key that takes too long for one transaction (a model's answer). The key is in flight until
 * `endIdempotentCall`, or for 20 minutes after a crash.
 */
export async function beginIdempotentCall(
  db: Database | Queryable,
  scope: Scope,
  key: string,
  requestHash: Buffer,
): Promise<IdempotencyOutcome> {
  const { rows: begun } = await db.query<{ key: string }>(
    "idempotency_call_begin",
    `INSERT INTO idempotency_keys AS k (user_id, key, request_hash) VALUES ($1, $2, $3)
     ON CONFLICT (user_id, key) DO UPDATE SET request_hash = excluded.request_hash, status = NULL, headers = NULL,
       body = NULL, created_at = now()
     WHERE k.created_at < now() - make_interval(hours => $4)
       OR (k.status IS NULL AND k.created_at < now() - make_interval(secs => $5))
     RETURNING key`,
    [scope.userId, key, requestHash, idempotencyHours, longestCallSeconds],
  );
  if (begun.length > 0) return { outcome: "first" };
  const { rows } = await db.query<{
    request_hash: Buffer;
    status: number | null;
    headers: Record<string, string> | null;
    body: string | null;
  }>(
    "idempotency_call_read",
    "SELECT request_hash, status, headers, body FROM idempotency_keys WHERE user_id = $1 AND key = $2",
    [scope.userId, key],
  );
  const row = rows[0];
  // It failed this moment and its key is free: the next try finds that.
  if (!row) return { outcome: "idempotency_in_flight" };
  if (!row.request_hash.equals(requestHash)) return { outcome: "idempotency_key_reused" };
  if (row.status === null) return { outcome: "idempotency_in_flight" };
  return { outcome: "stored", answer: { status: row.status, headers: row.headers ?? {}, body: row.body } };
}

/** Keeps the answer for the key; null frees it: what failed may be tried again. */
export async function endIdempotentCall(
  db: Database | Queryable,
  scope: Scope,
  key: string,
  body: string | null,
): Promise<void> {
  if (body === null) {
    await db.query(
      "idempotency_call_free",
      "DELETE FROM idempotency_keys WHERE user_id = $1 AND key = $2 AND status IS NULL",
      [scope.userId, key],
    );
  } else {
    await db.query(
      "idempotency_call_end",
      "UPDATE idempotency_keys SET status = 200, headers = '{}', body = $3 WHERE user_id = $1 AND key = $2",
      [scope.userId, key, body],
    );
  }
}
