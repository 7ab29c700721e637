import type { ErrorCode } from "#contracts";
import type { Queryable } from "#db";
import type { DeferredAnswer } from "./deferred-calls.ts";

/** A call for a process to work. */
export interface DeferredWork {
  id: string;
  userId: string;
  cache: "auto" | "force" | "off";
  /** JSON. */
  request: string;
  deadlineMs: number;
}

/** Takes up to `limit` calls that nobody works, the most urgent first; of all users. They are held for `forMs`. */
export async function claimDeferredCalls(
  db: Queryable,
  holder: string,
  limit: number,
  forMs: number,
): Promise<DeferredWork[]> {
  const { rows } = await db.query<DeferredWork>(
    "deferred_calls_claim",
    `UPDATE deferred_calls SET holder = $1, held_until = clock_timestamp() + make_interval(secs => $3 / 1000.0)
     WHERE id IN (
       SELECT id FROM deferred_calls
       WHERE state = 'waiting' AND (held_until IS NULL OR held_until < clock_timestamp())
       ORDER BY deadline_at LIMIT $2 FOR UPDATE SKIP LOCKED)
     RETURNING id, user_id AS "userId", cache, request, extract(epoch FROM deadline_at)::double precision * 1000 AS "deadlineMs"`,
    [holder, limit, forMs],
  );
  return rows;
}

/** Holds this process's calls for longer; those that are still to be worked: the others were cancelled or taken over. */
export async function renewDeferredCalls(
  db: Queryable,
  holder: string,
  ids: readonly string[],
  forMs: number,
): Promise<Set<string>> {
  const { rows } = await db.query<{ id: string }>(
    "deferred_calls_renew",
    `UPDATE deferred_calls SET held_until = clock_timestamp() + make_interval(secs => $3 / 1000.0)
     WHERE id = ANY($2::uuid[]) AND holder = $1 AND state = 'waiting' RETURNING id`,
    [holder, ids, forMs],
  );
  return new Set(rows.map(({ id }) => id));
}

/** Settles what is reserved for calls that were cancelled while no living process worked them. */
export async function sweepDeferredCalls(db: Queryable): Promise<void> {
  await db.query("deferred_calls_sweep", "SELECT muster_sweep_deferred()");
}

export type DeferredEnd =
  | { state: "completed"; answer: DeferredAnswer }
  | { state: "failed"; code: ErrorCode; detail: string }
  /** Whoever worked it was cancelled: so is the call if its batch was; an equal call that it shared may have been. */
  | { state: "cancelled" }
  /** Another process goes on with it. */
  | { state: "waiting" };

/** Writes how a call ended; nothing when it was cancelled or taken over meanwhile. */
export async function endDeferredCall(db: Queryable, holder: string, id: string, end: DeferredEnd): Promise<void> {
  await db.query(
    "deferred_call_end",
    `UPDATE deferred_calls SET state = now_is.state, answer = $4, error_code = $5, error = $6, holder = NULL, held_until = NULL,
       ended_at = CASE WHEN now_is.state = 'waiting' THEN NULL ELSE clock_timestamp() END
     FROM (SELECT CASE WHEN $3 = 'cancelled'
       AND NOT EXISTS (SELECT FROM llm_economy_calls WHERE call_id = $2 AND state = 'cancelled')
       THEN 'waiting' ELSE $3 END AS state) now_is
     WHERE deferred_calls.id = $2 AND holder = $1 AND deferred_calls.state = 'waiting'`,
    [
      holder,
      id,
      end.state,
      end.state === "completed" ? JSON.stringify(end.answer) : null,
      end.state === "failed" ? end.code : null,
      end.state === "failed" ? end.detail : null,
    ],
  );
}
