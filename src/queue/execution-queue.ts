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
 * otherwise. Returns how many.
 */
export async function buryDeadWorkers(db: Database): Promise<number> {
  const { rows } = await db.query<{ id: string; host_key: string; pid: number; pid_started: string; expired: boolean }>(
    "queue_workers",
    `SELECT id, host_key, pid, pid_started, heartbeat_at < clock_timestamp() - make_interval(secs => $1) AS expired FROM workers`,
    [leaseMs / 1000],
  );
  const { hostKey } = processIdentity();
  const dead = rows.filter(
    (row) => row.expired || (row.host_key === hostKey && processStart(row.pid) !== row.pid_started),
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
