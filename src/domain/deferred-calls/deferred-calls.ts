import type { DeferredCall, DeferredCallListQuery, DeferredCallPage, DeferredCallState, ErrorCode } from "#contracts";
import { cursorPage, decodeCursor, type Queryable, uuidv7 } from "#db";
import { notFound, type Refusal, type Scope } from "../store.ts";

/** More than this a user may not have open: each is kept in a process while it waits. */
const mostOpen = 1_000;
/** An hour before the providers give up on a batch. */
const defaultDeadlineMs = 23 * 3_600_000;

/** What is kept of an answer: enough for OpenAI's format. */
export interface DeferredAnswer {
  model: string;
  text: string;
  toolCalls: { id: string; name: string; arguments: string }[];
  finishReason: "stop" | "length" | "tool_calls" | "content_filter";
  usage: { inputTokens: number; cacheReadTokens: number; outputTokens: number; reasoningTokens: number };
  costNanoUsd: number | null;
}

interface CallRow {
  id: string;
  model: string;
  state: DeferredCallState;
  batchJobId: string | null;
  deadlineAt: Date;
  answer: string | null;
  errorCode: ErrorCode | null;
  error: string | null;
  createdAt: Date;
  endedAt: Date | null;
}

const columns = `d.id, d.model, d.deadline_at AS "deadlineAt", d.answer, d.error_code AS "errorCode", d.error,
  d.created_at AS "createdAt", d.ended_at AS "endedAt", e.llm_batch_id AS "batchJobId",
  CASE WHEN d.state <> 'waiting' THEN d.state WHEN e.state = 'submitted' THEN 'batched'
    WHEN e.state = 'live' THEN 'live' ELSE 'waiting' END AS state`;
const from = `deferred_calls d LEFT JOIN LATERAL (
    SELECT llm_batch_id, state FROM llm_economy_calls WHERE call_id = d.id ORDER BY created_at DESC LIMIT 1) e ON true`;

function toDeferredCall({ answer, ...row }: CallRow): DeferredCall {
  return {
    ...row,
    costNanoUsd: answer === null ? null : (JSON.parse(answer) as DeferredAnswer).costNanoUsd,
    deadlineAt: row.deadlineAt.toISOString(),
    createdAt: row.createdAt.toISOString(),
    endedAt: row.endedAt?.toISOString() ?? null,
  };
}

/** Keeps the call; committed, it survives any crash. */
export async function acceptDeferredCall(
  db: Queryable,
  scope: Scope,
  call: { model: string; cache: "auto" | "force" | "off"; request: object; deadlineMs: number | null },
): Promise<{ outcome: "ok"; deferredCall: DeferredCall } | Refusal> {
  const id = uuidv7();
  const { rowCount } = await db.query(
    "deferred_call_accept",
    `INSERT INTO deferred_calls (id, user_id, model, cache, request, deadline_at)
     SELECT $1, $2, $3, $4, $5, to_timestamp($6::double precision / 1000)
     WHERE (SELECT count(*) FROM deferred_calls WHERE user_id = $2 AND state = 'waiting') < $7`,
    [
      id,
      scope.userId,
      call.model,
      call.cache,
      JSON.stringify(call.request),
      call.deadlineMs ?? Date.now() + defaultDeadlineMs,
      mostOpen,
    ],
  );
  const found = rowCount === 1 ? await readDeferredCall(db, scope, id) : null;
  if (found !== null) return { outcome: "ok", deferredCall: found.deferredCall };
  return { outcome: "rate_limited", detail: `${mostOpen} of your calls wait already: let some end or cancel them.` };
}

/** One call with its answer, if it has one; null when it is missing or another's. */
export async function readDeferredCall(
  db: Queryable,
  scope: Scope,
  id: string,
): Promise<{ deferredCall: DeferredCall; answer: DeferredAnswer | null } | null> {
  const { rows } = await db.query<CallRow>(
    "deferred_call_read",
    `SELECT ${columns} FROM ${from} WHERE d.id = $2 AND d.user_id = $1`,
    [scope.userId, id],
  );
  const row = rows[0];
  if (!row) return null;
  return {
    deferredCall: toDeferredCall(row),
    answer: row.answer === null ? null : (JSON.parse(row.answer) as DeferredAnswer),
  };
}

/** The user's deferred calls, newest first. */
export async function listDeferredCalls(
  db: Queryable,
  scope: Scope,
  query: DeferredCallListQuery,
): Promise<DeferredCallPage> {
  const limit = query.limit ?? 20;
  const after = query.cursor === undefined ? null : decodeCursor(query.cursor);
  const { rows } = await db.query<CallRow>(
    `deferred_calls_list${after === null ? "" : "_after"}`,
    `SELECT ${columns} FROM ${from} WHERE d.user_id = $1${after === null ? "" : " AND d.id < $3"} ORDER BY d.id DESC LIMIT $2`,
    after === null ? [scope.userId, limit + 1] : [scope.userId, limit + 1, after],
  );
  return cursorPage(rows, limit, (row) => row.id, toDeferredCall);
}

/** Cancels a call: it is not asked any more; what its batch has done of it by then is billed. Asked twice it is the same. */
export async function cancelDeferredCall(
  db: Queryable,
  scope: Scope,
  id: string,
): Promise<{ outcome: "ok"; deferredCall: DeferredCall } | Refusal> {
  await db.query(
    "deferred_call_cancel",
    `WITH ended AS (
       UPDATE deferred_calls SET state = 'cancelled', ended_at = clock_timestamp()
       WHERE id = $2 AND user_id = $1 AND state = 'waiting' RETURNING id
     )
     UPDATE llm_economy_calls c SET state = 'cancelled' FROM ended
     WHERE c.call_id = ended.id AND c.state IN ('waiting', 'submitted')`,
    [scope.userId, id],
  );
  const found = await readDeferredCall(db, scope, id);
  if (found === null) return notFound("deferred call");
  const { state } = found.deferredCall;
  if (state !== "cancelled") {
    return { outcome: "invalid_state", detail: `The call has ${state} already: there is nothing left to cancel.` };
  }
  return { outcome: "ok", deferredCall: found.deferredCall };
}
