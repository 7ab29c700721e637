import type { ExecutionState, ExecutionStatus } from "#contracts";
import type { Queryable } from "#db";
import { notFound, type Refusal, type Scope, type Store } from "../store.ts";

/** What a user's action led to. `lastSeq` and `wish` are for the hints to other processes, after the commit. */
export type ControlOutcome =
  | { outcome: "ok"; execution: ExecutionState; lastSeq: number; wish: "cancel" | "pause" | "run" | null }
  | Refusal;

interface LockedRow {
  id: string;
  task_id: string;
  squad_id: string | null;
  status: ExecutionStatus;
  created_at: Date;
  last_seq: number;
  cancel: boolean;
  pause: boolean;
  end_reason: string | null;
}

/** Locks the row: a worker's batch and a user's action come one after the other. */
async function lock(db: Queryable, scope: Scope, executionId: string): Promise<LockedRow | null> {
  const { rows } = await db.query<LockedRow>(
    "execution_lock",
    `SELECT id, task_id, squad_id, status, created_at, last_seq, cancel_requested_at IS NOT NULL AS cancel,
       pause_requested_at IS NOT NULL AS pause, end_reason
     FROM task_executions WHERE id = $1 AND user_id = $2 FOR NO KEY UPDATE`,
    [executionId, scope.userId],
  );
  return rows[0] ?? null;
}

function done(
  row: LockedRow,
  status: ExecutionStatus,
  lastSeq: number,
  wish: "cancel" | "pause" | "run" | null,
): ControlOutcome {
  return {
    outcome: "ok",
    lastSeq,
    wish,
    execution: {
      id: row.id,
      taskId: row.task_id,
      squadId: row.squad_id,
      status,
      createdAt: row.created_at.toISOString(),
    },
  };
}

/** Events of calls that the last worker left open; nobody else will end them while the execution rests. */
async function loseCalls(db: Queryable, executionId: string): Promise<{ type: string; data: object }[]> {
  const { rows } = await db.query<{ events: { type: string; data: object }[] }>(
    "execution_lose_calls",
    "SELECT muster_lose_calls($1) AS events",
    [executionId],
  );
  return rows[0]?.events ?? [];
}

async function append(db: Queryable, executionId: string, events: { type: string; data: object }[]): Promise<number> {
  const { rows } = await db.query<{ last: number }>("execution_append", "SELECT muster_append($1, $2::jsonb) AS last", [
    executionId,
    JSON.stringify(events),
  ]);
  return rows[0]?.last ?? 0;
}

/**
 * Cancels: at once where nothing runs, else by telling the worker, which closes the provider's socket, keeps the partial
 * text, settles what was used and ends the execution. Cancelling what is cancelled already is the same as once.
 */
export function cancelExecution(db: Store, scope: Scope, executionId: string): Promise<ControlOutcome> {
  return db.transaction(async (tx) => {
    const row = await lock(tx, scope, executionId);
    if (!row) return notFound("execution");
    switch (row.status) {
      case "cancelled":
        return done(row, "cancelled", row.last_seq, null);
      case "running":
        await tx.query(
          "execution_cancel_request",
          "UPDATE task_executions SET cancel_requested_at = COALESCE(cancel_requested_at, clock_timestamp()) WHERE id = $1",
          [executionId],
        );
        return done(row, "running", row.last_seq, "cancel");
      case "queued":
      case "paused":
      case "awaiting_approval": {
        await tx.query(
          "execution_cancel_now",
          `WITH execution AS (
             UPDATE task_executions SET status = 'cancelled', end_reason = 'cancelled_by_user', ended_at = clock_timestamp(),
               cancel_requested_at = NULL, pause_requested_at = NULL WHERE id = $1 RETURNING task_id
           ), steps AS (
             UPDATE execution_steps SET status = 'cancelled', ended_at = clock_timestamp() WHERE execution_id = $1 AND status = 'running'
           )
           UPDATE tasks SET status = 'cancelled', updated_at = clock_timestamp() FROM execution WHERE tasks.id = execution.task_id`,
          [executionId],
        );
        const lastSeq = await append(tx, executionId, [
          ...(await loseCalls(tx, executionId)),
          { type: "execution-end", data: { status: "cancelled", endReason: "cancelled_by_user" } },
        ]);
        return done(row, "cancelled", lastSeq, null);
      }
      default:
        return {
          outcome: "invalid_state",
          detail: `The execution is ${row.status} already; there is nothing to cancel.`,
        };
    }
  });
}

/** Pauses: running calls end, none begins. Pausing what is paused already is the same as once. */
export function pauseExecution(db: Store, scope: Scope, executionId: string): Promise<ControlOutcome> {
  return db.transaction(async (tx) => {
    const row = await lock(tx, scope, executionId);
    if (!row) return notFound("execution");
    if (row.status === "paused") return done(row, "paused", row.last_seq, null);
    if (row.status === "running") {
      await tx.query(
        "execution_pause_request",
        "UPDATE task_executions SET pause_requested_at = COALESCE(pause_requested_at, clock_timestamp()) WHERE id = $1",
        [executionId],
      );
      return done(row, "running", row.last_seq, "pause");
    }
    if (row.status === "queued") {
      await tx.query(
        "execution_pause_now",
        "UPDATE task_executions SET status = 'paused', pause_requested_at = NULL WHERE id = $1",
        [executionId],
      );
      const lastSeq = await append(tx, executionId, [
        ...(await loseCalls(tx, executionId)),
        { type: "execution-pause", data: { reason: "Paused by its user." } },
      ]);
      return done(row, "paused", lastSeq, null);
    }
    return {
      outcome: "invalid_state",
      detail: `The execution is ${row.status}; only a queued or running one can be paused.`,
    };
  });
}

/** Puts it back into the queue, with all finished work kept. */
async function requeue(tx: Queryable, row: LockedRow): Promise<ControlOutcome> {
  await tx.query(
    "execution_requeue",
    // A step that failed by its result (not by a fault of the provider) is done anew: its recorded calls no longer answer
    // for it. They keep their place in the journal under another key; everything else that is finished is kept.
    `WITH anew AS (
       SELECT id, attempt FROM execution_steps
       WHERE execution_id = $1 AND status = 'failed' AND error IS NOT NULL AND $3 IN ('step_failed', 'plan_invalid')
     ), calls AS (
       UPDATE llm_calls c SET key = 'attempt-' || anew.attempt || '/' || c.key FROM anew
       WHERE c.execution_id = $1 AND c.step_id = anew.id
     ), tools AS (
       UPDATE tool_calls c SET key = 'attempt-' || anew.attempt || '/' || c.key FROM anew
       WHERE c.execution_id = $1 AND c.step_id = anew.id
     ), steps AS (
       UPDATE execution_steps SET status = CASE WHEN status IN ('failed', 'cancelled') THEN 'pending' ELSE status END,
         error = NULL, ended_at = CASE WHEN status IN ('failed', 'cancelled') THEN NULL ELSE ended_at END,
         data = CASE WHEN data->'approval'->>'approved' = 'false' AND $3 = 'approval_refused' THEN data - 'approval' ELSE data END
       WHERE execution_id = $1 AND (status IN ('failed', 'cancelled') OR data ? 'approval')
     ), task AS (
       UPDATE tasks SET status = 'in_progress', updated_at = clock_timestamp() WHERE id = $2
     )
     UPDATE task_executions SET status = 'queued', end_reason = NULL, error = NULL, ended_at = NULL, queued_at = clock_timestamp(),
       cancel_requested_at = NULL, pause_requested_at = NULL, claims_without_progress = 0, compacted_at = NULL WHERE id = $1`,
    [row.id, row.task_id, row.end_reason],
  );
  const lastSeq = await append(tx, row.id, [{ type: "execution-resume", data: { by: "user" } }]);
  return done(row, "queued", lastSeq, "run");
}

/**
 * Goes on with a paused execution, or with one that stopped at its budget (raise the budget first, or it stops again).
 * A pause that was asked for and has not happened yet is taken back.
 */
export function resumeExecution(db: Store, scope: Scope, executionId: string): Promise<ControlOutcome> {
  return db.transaction(async (tx) => {
    const row = await lock(tx, scope, executionId);
    if (!row) return notFound("execution");
    if (row.status === "queued") return done(row, "queued", row.last_seq, null);
    if (row.status === "running") {
      await tx.query("execution_unpause", "UPDATE task_executions SET pause_requested_at = NULL WHERE id = $1", [
        executionId,
      ]);
      return done(row, "running", row.last_seq, null);
    }
    if (row.status === "paused" || row.status === "budget_exceeded") return requeue(tx, row);
    return { outcome: "invalid_state", detail: `The execution is ${row.status}; only a paused one can be resumed.` };
  });
}

/** Runs a failed or cancelled execution again from its first unfinished step. */
export function retryExecution(db: Store, scope: Scope, executionId: string): Promise<ControlOutcome> {
  return db.transaction(async (tx) => {
    const row = await lock(tx, scope, executionId);
    if (!row) return notFound("execution");
    if (row.status === "queued" || row.status === "running") return done(row, row.status, row.last_seq, null);
    if (row.status === "failed" || row.status === "cancelled" || row.status === "budget_exceeded")
      return requeue(tx, row);
    return {
      outcome: "invalid_state",
      detail: `The execution is ${row.status}; only a failed or cancelled one can be retried.`,
    };
  });
}

/** Approves or refuses the step that waits. Answering twice keeps the first answer. */
export function approveExecution(
  db: Store,
  scope: Scope,
  executionId: string,
  answer: { stepId?: string | undefined; approved: boolean },
): Promise<ControlOutcome> {
  return db.transaction(async (tx) => {
    const row = await lock(tx, scope, executionId);
    if (!row) return notFound("execution");
    if (row.status !== "awaiting_approval") {
      return row.status === "queued" || row.status === "running"
        ? done(row, row.status, row.last_seq, null)
        : { outcome: "invalid_state", detail: `The execution is ${row.status}; nothing in it waits for approval.` };
    }
    const { rows } = await tx.query<{ step_id: string }>(
      "execution_waiting_step",
      `SELECT data->>'stepId' AS step_id FROM execution_events WHERE execution_id = $1 AND type = 'approval-request' ORDER BY seq DESC LIMIT 1`,
      [executionId],
    );
    const stepId = rows[0]?.step_id;
    if (stepId === undefined || (answer.stepId !== undefined && answer.stepId !== stepId))
      return notFound("step that waits for approval");
    await tx.query(
      "execution_approve",
      `UPDATE execution_steps SET data = COALESCE(data, '{}'::jsonb) || jsonb_build_object('approval', jsonb_build_object('approved', $3::boolean))
       WHERE id = $2 AND execution_id = $1`,
      [executionId, stepId, answer.approved],
    );
    await append(tx, executionId, [{ type: "approval-end", data: { stepId, approved: answer.approved } }]);
    return requeue(tx, row);
  });
}
