import type { BatchJob, BatchJobListQuery, BatchJobPage } from "#contracts";
import { cursorPage, decodeCursor, type Queryable } from "#db";
import type { Refusal, Scope } from "../store.ts";

interface BatchRow extends Omit<BatchJob, "createdAt" | "submittedAt" | "deadlineAt" | "endedAt"> {
  createdAt: Date;
  submittedAt: Date | null;
  deadlineAt: Date;
  endedAt: Date | null;
}

const columns = `b.id, b.provider, b.account_id AS "accountId", b.model, b.provider_batch_id AS "providerBatchId", b.state,
  b.calls, b.done_calls AS "doneCalls", b.failed_calls AS "failedCalls", c.left_calls AS "leftCalls",
  c.execution_ids AS "executionIds", b.error, b.created_at AS "createdAt", b.submitted_at AS "submittedAt",
  b.deadline_at AS "deadlineAt", b.ended_at AS "endedAt"`;
const calls = `CROSS JOIN LATERAL (
    SELECT (count(*) FILTER (WHERE c.state IN ('live', 'cancelled')))::integer AS left_calls,
      COALESCE(array_agg(DISTINCT c.execution_id) FILTER (WHERE c.execution_id IS NOT NULL), '{}') AS execution_ids
    FROM llm_economy_calls c WHERE c.llm_batch_id = b.id
  ) c`;

function toBatchJob(row: BatchRow): BatchJob {
  return {
    ...row,
    createdAt: row.createdAt.toISOString(),
    submittedAt: row.submittedAt?.toISOString() ?? null,
    deadlineAt: row.deadlineAt.toISOString(),
    endedAt: row.endedAt?.toISOString() ?? null,
  };
}

/** The user's batches of deferred calls, newest first, and how many calls are still being collected. */
export async function listBatchJobs(db: Queryable, scope: Scope, query: BatchJobListQuery): Promise<BatchJobPage> {
  const limit = query.limit ?? 20;
  const after = query.cursor === undefined ? null : decodeCursor(query.cursor);
  const [batches, waiting] = await Promise.all([
    db.query<BatchRow>(
      `batch_jobs_list${after === null ? "" : "_after"}`,
      `SELECT ${columns} FROM llm_batches b ${calls}
       WHERE b.user_id = $1${after === null ? "" : " AND b.id < $3"} ORDER BY b.id DESC LIMIT $2`,
      after === null ? [scope.userId, limit + 1] : [scope.userId, limit + 1, after],
    ),
    db.query<{ waiting: number }>(
      "batch_jobs_waiting",
      "SELECT count(*)::integer AS waiting FROM llm_economy_calls WHERE user_id = $1 AND state = 'waiting'",
      [scope.userId],
    ),
  ]);
  const page = cursorPage(batches.rows, limit, (row) => row.id, toBatchJob);
  return { ...page, waitingCalls: waiting.rows[0]?.waiting ?? 0 };
}

export type CancelBatchJobOutcome = { outcome: "ok"; batchJob: BatchJob } | Refusal;

/**
 * Cancels a batch: its calls end at once, the provider is told by the process that follows its batches. What was done of
 * it by then is billed. Asked twice it is the same.
 */
export async function cancelBatchJob(db: Queryable, scope: Scope, batchJobId: string): Promise<CancelBatchJobOutcome> {
  await db.query(
    "batch_jobs_cancel",
    `WITH batch AS (
       UPDATE llm_batches SET state = 'cancelling'
       WHERE id = $1 AND user_id = $2 AND state IN ('submitting', 'running') RETURNING id
     )
     UPDATE llm_economy_calls c SET state = 'cancelled' FROM batch
     WHERE c.llm_batch_id = batch.id AND c.state = 'submitted'`,
    [batchJobId, scope.userId],
  );
  const { rows } = await db.query<BatchRow>(
    "batch_jobs_read",
    `SELECT ${columns} FROM llm_batches b ${calls} WHERE b.id = $1 AND b.user_id = $2`,
    [batchJobId, scope.userId],
  );
  const row = rows[0];
  if (!row) return { outcome: "not_found", detail: "There is no batch job with this id, or it is not yours." };
  if (row.state === "ended" || row.state === "failed") {
    return { outcome: "invalid_state", detail: `The batch has ${row.state} already: there is nothing left to cancel.` };
  }
  return { outcome: "ok", batchJob: toBatchJob(row) };
}
