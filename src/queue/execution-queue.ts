import type { LlmLane, SquadSnapshot, TaskSnapshot } from "#contracts";
import type { Database } from "#db";
import { leaseMs, processIdentity, processStart } from "./worker-lease.ts";

/** What a worker needs of an execution on which nothing was written yet, as it is when it is claimed. */
export interface ClaimedExecution {
  userId: string;
  squadId: string | null;
  lane: LlmLane;
  traceparent: string | null;
  squad: SquadSnapshot;
  task: TaskSnapshot;
  llmCalls: number;
  toolCalls: number;
  costNanoUsd: number;
  workedMs: number;
  cancelRequested: boolean;
  pauseRequested: boolean;
}

/** A claimed execution: from now on only writes under `epoch` count. */
export interface Claim {
  id: string;
  epoch: number;
  /** Claims in a row in which no step and no call was finished, this one included. */
  claimsWithoutProgress: number;
  /** True when it was taken over from a worker that died. */
  takenOver: boolean;
  /** Milliseconds it stood in the queue; 0 for one that was taken over. */
  waitMs: number;
  execution: ClaimedExecution;
}

interface ClaimRow {
  id: string;
  epoch: number;
  claims: number;
  taken_over: boolean;
  wait_ms: number;
  user_id: string;
  squad_id: string | null;
  lane: LlmLane;
  traceparent: string | null;
  snapshot: SquadSnapshot;
  task: TaskSnapshot;
  llm_calls: number;
  tool_calls: number;
  cost_nano_usd: string;
  worked_ms: string;
  cancel: boolean;
  pause: boolean;
}

/**
 * Claims up to `limit` queued executions, oldest first; what another worker claims at the same moment is skipped. What has
 * been claimed twice without progress may be what kills its workers: its last try is made beside no other such execution
 * of the worker, so that only the one to blame is given up and its neighbours come off with their lives.
 */
export async function claimQueued(db: Database, workerId: string, limit: number): Promise<Claim[]> {
  const { rows } = await db.query<ClaimRow>("queue_claim", claimQueuedSql, [workerId, limit]);
  return rows.map(toClaim);
}

/**
 * Claims running executions whose worker holds no lease any more, and those that name this worker but have left it
 * (`active` are the ones it works; a claim of the last seconds may not be among them yet). Suspects one by one, as above.
 */
export async function claimOrphans(db: Database, workerId: string, limit: number, active: string[]): Promise<Claim[]> {
  const { rows } = await db.query<ClaimRow>("queue_claim_orphans", claimOrphansSql, [workerId, limit, active]);
  return rows.map(toClaim);
}

/** Claims this execution and no other, when it is queued or has left its worker; for a process that works one only. */
export async function claimOne(
  db: Database,
  workerId: string,
  executionId: string,
  active: string[],
): Promise<Claim[]> {
  const { rows } = await db.query<ClaimRow>("queue_claim_one", claimOneSql, [workerId, active, executionId]);
  return rows.map(toClaim);
}

const isQueued = (row: string) => `${row}.status = 'queued' AND ${row}.queued_at <= clock_timestamp()`;

/** `given` are this worker's active executions. */
const isLeft = (row: string, given: string) => `${row}.status = 'running' AND (
  NOT EXISTS (SELECT 1 FROM workers w WHERE w.id = ${row}.worker_id)
  OR (${row}.worker_id = $1 AND ${row}.id <> ALL (${given}::uuid[]) AND ${row}.running_since < clock_timestamp() - interval '5 seconds'))`;

/** The row is no suspect, or the first of them and this worker works on no other. */
const isHarmlessOrAlone = (condition: string) => `(e.claims_without_progress <> 2 OR e.id = (
  SELECT s.id FROM task_executions s
  WHERE ${condition} AND s.claims_without_progress = 2
    AND NOT EXISTS (SELECT 1 FROM task_executions r
                    WHERE r.worker_id = $1 AND r.status = 'running' AND r.claims_without_progress = 3)
  ORDER BY s.queued_at, s.id LIMIT 1))`;

/** Claims the rows for worker $1 that `next` selects; a row that is running already was left by its worker. */
const claimSql = (next: string) => `
  WITH next AS (${next} FOR NO KEY UPDATE OF e SKIP LOCKED)
  UPDATE task_executions t SET status = 'running', epoch = t.epoch + 1, commit_no = 0, worker_id = $1,
    claims_without_progress = t.claims_without_progress + 1,
    worked_ms = t.worked_ms + CASE WHEN next.was = 'queued' OR t.running_since IS NULL THEN 0
      ELSE GREATEST(0, (extract(epoch FROM clock_timestamp() - t.running_since) * 1000)::bigint) END,
    running_since = clock_timestamp(), started_at = COALESCE(t.started_at, clock_timestamp())
  FROM next, squad_snapshots s
  WHERE t.id = next.id AND s.id = t.squad_snapshot_id
  RETURNING t.id, t.epoch, t.claims_without_progress AS claims, next.was = 'running' AS taken_over,
    CASE WHEN next.was = 'queued' THEN extract(epoch FROM clock_timestamp() - t.queued_at)::float8 * 1000 ELSE 0 END AS wait_ms,
    t.user_id, t.squad_id, t.lane, t.traceparent, s.snapshot, t.task, t.llm_calls, t.tool_calls, t.cost_nano_usd, t.worked_ms,
    t.cancel_requested_at IS NOT NULL AS cancel, t.pause_requested_at IS NOT NULL AS pause`;

const claimQueuedSql = claimSql(`
  SELECT e.id, e.status AS was FROM task_executions e WHERE ${isQueued("e")} AND ${isHarmlessOrAlone(isQueued("s"))}
  ORDER BY e.queued_at, e.id LIMIT $2`);

const claimOrphansSql = claimSql(`
  SELECT e.id, e.status AS was FROM task_executions e WHERE ${isLeft("e", "$3")} AND ${isHarmlessOrAlone(isLeft("s", "$3"))}
  LIMIT $2`);

const claimOneSql = claimSql(`
  SELECT e.id, e.status AS was FROM task_executions e WHERE e.id = $3 AND (${isQueued("e")} OR ${isLeft("e", "$2")})`);

function toClaim(row: ClaimRow): Claim {
  return {
    id: row.id,
    epoch: row.epoch,
    claimsWithoutProgress: row.claims,
    takenOver: row.taken_over,
    waitMs: row.wait_ms,
    execution: {
      userId: row.user_id,
      squadId: row.squad_id,
      lane: row.lane,
      traceparent: row.traceparent,
      squad: row.snapshot,
      task: row.task,
      llmCalls: row.llm_calls,
      toolCalls: row.tool_calls,
      costNanoUsd: Number(row.cost_nano_usd),
      workedMs: Number(row.worked_ms),
      cancelRequested: row.cancel,
      pauseRequested: row.pause,
    },
  };
}

/**
 * Takes the lease from workers that are dead: at once when their process on this machine is gone, after the lease time
 * otherwise. With `silentToo` false the second kind is left alone: after an outage of the database everybody's renewal is
 * late, and whoever is back first must not bury the others. Returns how many.
 */
export async function buryDeadWorkers(db: Database, silentToo: boolean): Promise<number> {
  const { rows } = await db.query<{ id: string; host_key: string; pid: number; pid_started: string; expired: boolean }>(
    "queue_workers",
    `SELECT id, host_key, pid, pid_started, heartbeat_at < clock_timestamp() - make_interval(secs => $1) AS expired FROM workers`,
    [leaseMs / 1000],
  );
  const { hostKey } = processIdentity();
  const dead = rows.filter(
    (row) => (silentToo && row.expired) || (row.host_key === hostKey && processStart(row.pid) !== row.pid_started),
  );
  if (dead.length === 0) return 0;
  // Checked again in the statement: a worker that renewed meanwhile keeps its lease unless its process is gone.
  const { rowCount } = await db.query(
    "queue_bury",
    `DELETE FROM workers WHERE id = ANY($1::uuid[]) OR (id = ANY($2::uuid[]) AND heartbeat_at < clock_timestamp() - make_interval(secs => $3))`,
    [
      dead.filter((row) => !row.expired).map((row) => row.id),
      dead.filter((row) => row.expired).map((row) => row.id),
      leaseMs / 1000,
    ],
  );
  return rowCount ?? 0;
}

/** Executions of this worker that a user asked to cancel or to pause. */
export async function readControlFlags(
  db: Database,
  workerId: string,
): Promise<{ id: string; cancel: boolean; pause: boolean }[]> {
  const { rows } = await db.query<{ id: string; cancel: boolean; pause: boolean }>(
    "queue_flags",
    `SELECT id, cancel_requested_at IS NOT NULL AS cancel, pause_requested_at IS NOT NULL AS pause FROM task_executions
     WHERE worker_id = $1 AND status = 'running' AND (cancel_requested_at IS NOT NULL OR pause_requested_at IS NOT NULL)`,
    [workerId],
  );
  return rows;
}

/** Length of the queue and the age of its head, for metrics. */
export async function readQueueDepth(db: Database): Promise<{ queued: number; oldestSeconds: number | null }> {
  const { rows } = await db.query<{ queued: number; oldest: number | null }>(
    "queue_depth",
    `SELECT count(*)::int AS queued, extract(epoch FROM clock_timestamp() - min(queued_at))::float8 AS oldest
     FROM task_executions WHERE status = 'queued'`,
  );
  return { queued: rows[0]?.queued ?? 0, oldestSeconds: rows[0]?.oldest ?? null };
}

/** Channels of the hints between processes (PostgreSQL NOTIFY). Losing one costs latency, never work. */
export const queueChannel = "muster_queue";
export const controlChannel = "muster_control";
