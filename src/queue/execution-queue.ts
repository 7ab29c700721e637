import type { Database } from "#db";
import { leaseMs, processIdentity, processStart } from "./worker-lease.ts";

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
}

interface ClaimRow {
  id: string;
  epoch: number;
  claims: number;
  was: string;
  wait_ms?: number;
}

/** Claims up to `limit` queued executions, oldest first; what another worker claims at the same moment is skipped. */
export async function claimQueued(db: Database, workerId: string, limit: number): Promise<Claim[]> {
  const { rows } = await db.query<ClaimRow>("queue_claim", "SELECT * FROM muster_claim($1, $2)", [workerId, limit]);
  return rows.map(toClaim);
}

/** Claims running executions whose worker holds no lease any more, or that left this worker (`active`: those it works). */
export async function claimOrphans(db: Database, workerId: string, limit: number, active: string[]): Promise<Claim[]> {
  const { rows } = await db.query<ClaimRow>(
    "queue_claim_orphans",
    "SELECT * FROM muster_claim_orphans($1, $2, $3::uuid[])",
    [workerId, limit, active],
  );
  return rows.map(toClaim);
}

/** Claims this execution and no other, when it is queued or has left its worker; for a process that works one only. */
export async function claimOne(
  db: Database,
  workerId: string,
  executionId: string,
  active: string[],
): Promise<Claim[]> {
  const { rows } = await db.query<ClaimRow>("queue_claim_one", claimOneSql, [workerId, executionId, active]);
  return rows.map(toClaim);
}

// The conditions of muster_claim and muster_claim_orphans, for one row.
const claimOneSql = `
  UPDATE task_executions t SET status = 'running', epoch = t.epoch + 1, commit_no = 0, worker_id = $1,
    claims_without_progress = t.claims_without_progress + 1,
    worked_ms = t.worked_ms + CASE WHEN next.was = 'queued' OR t.running_since IS NULL THEN 0
      ELSE GREATEST(0, (extract(epoch FROM clock_timestamp() - t.running_since) * 1000)::bigint) END,
    running_since = clock_timestamp(), started_at = COALESCE(t.started_at, clock_timestamp())
  FROM (
    SELECT e.id, e.status AS was FROM task_executions e
    WHERE e.id = $2 AND ((e.status = 'queued' AND e.queued_at <= clock_timestamp())
      OR (e.status = 'running' AND (NOT EXISTS (SELECT 1 FROM workers w WHERE w.id = e.worker_id)
        OR (e.worker_id = $1 AND e.id <> ALL ($3::uuid[]) AND e.running_since < clock_timestamp() - interval '5 seconds'))))
    FOR NO KEY UPDATE SKIP LOCKED
  ) next
  WHERE t.id = next.id
  RETURNING t.id, t.epoch, t.claims_without_progress AS claims, next.was,
    CASE WHEN next.was = 'queued' THEN extract(epoch FROM clock_timestamp() - t.queued_at)::float8 * 1000 END AS wait_ms`;

function toClaim(row: ClaimRow): Claim {
  return {
    id: row.id,
    epoch: row.epoch,
    claimsWithoutProgress: row.claims,
    takenOver: row.was === "running",
    waitMs: row.wait_ms ?? 0,
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
