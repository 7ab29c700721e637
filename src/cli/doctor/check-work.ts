import type { OpenStore } from "../backup/open-store.ts";
import { plural } from "../format.ts";
import { type Finding, findingsOf } from "./finding.ts";

interface WorkRow {
  alive: number;
  queued: number;
  oldest_queued_s: number | null;
  running: number;
  orphaned: number;
  waiting: number;
  reserved: number;
  owners: number;
  claimed: boolean;
}

/** Workers and what they are to do. */
export async function checkWork({ db }: OpenStore): Promise<Finding[]> {
  const { found, add } = findingsOf("work");
  const { rows } = await db.pool.query<WorkRow>(
    `SELECT (SELECT count(*)::int FROM workers WHERE heartbeat_at > clock_timestamp() - interval '10 seconds') AS alive,
       count(*) FILTER (WHERE status = 'queued')::int AS queued,
       extract(epoch FROM clock_timestamp() - min(queued_at) FILTER (WHERE status = 'queued'))::float8 AS oldest_queued_s,
       count(*) FILTER (WHERE status = 'running')::int AS running,
       count(*) FILTER (WHERE status = 'running' AND NOT EXISTS (SELECT 1 FROM workers w WHERE w.id = t.worker_id
         AND w.heartbeat_at > clock_timestamp() - interval '10 seconds'))::int AS orphaned,
       count(*) FILTER (WHERE status IN ('paused', 'awaiting_approval'))::int AS waiting,
       (SELECT count(*)::int FROM budget_reservations WHERE expires_at < clock_timestamp() - interval '10 minutes') AS reserved,
       (SELECT count(*)::int FROM users WHERE role = 'owner') AS owners,
       (SELECT claimed_at IS NOT NULL FROM installation) AS claimed
     FROM task_executions t WHERE status IN ('queued', 'running', 'paused', 'awaiting_approval')`,
  );
  const row = rows[0];
  if (!row) return found;
  const open = row.queued + row.running;
  add(
    "ok",
    `${plural(row.alive, "worker")} alive; ${plural(row.running, "execution")} running, ${row.queued} queued, ${row.waiting} waiting for you`,
  );
  if (row.alive === 0 && open > 0) {
    add(
      "warning",
      `${plural(open, "execution")} to be worked and no worker alive`,
      "muster up (or muster run --resume ID): they go on where they were",
    );
  } else if (row.orphaned > 0) {
    add(
      "warning",
      `${plural(row.orphaned, "execution")} left by a worker that died`,
      "a live worker takes over within 15 s; if not, its log says why",
    );
  }
  if (row.alive > 0 && (row.oldest_queued_s ?? 0) > 60) {
    add(
      "warning",
      `an execution waits since ${Math.round(row.oldest_queued_s ?? 0)} s`,
      "start more workers (MUSTER_ROLE=worker muster up)",
    );
  }
  if (row.reserved > 0)
    add("info", `${plural(row.reserved, "reservation")} of dead processes; the next start settles them`);
  if (!row.claimed) {
    add(
      "info",
      row.owners > 0 ? "used from the command line, not claimed yet" : "not claimed yet",
      "muster up prints the link that makes you the owner",
    );
  }
  return found;
}
