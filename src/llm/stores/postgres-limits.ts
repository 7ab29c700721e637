import type { LimitLease, LimitStore } from "../rate/leased-quota.ts";
import type { Query } from "./query.ts";

/** Rate windows in PostgreSQL: one round trip per block, correct over any number of processes and machines. */
export function postgresLimitStore(query: Query): LimitStore {
  return {
    async lease({ key, limit, want, countsMs }): Promise<LimitLease> {
      const { rows } = await query<{
        lease_id: string | null;
        granted: number;
        retry_in_ms: number;
        paused_ms: number;
      }>("SELECT lease_id, granted, retry_in_ms, paused_ms FROM muster_lease_rate($1, $2, $3, $4)", [
        key,
        Math.min(limit, 2_147_483_647),
        Math.min(want, 2_147_483_647),
        countsMs,
      ]);
      const row = rows[0];
      if (row === undefined) throw new Error("muster_lease_rate gave no row.");
      return { leaseId: row.lease_id, granted: row.granted, retryInMs: row.retry_in_ms, pausedMs: row.paused_ms };
    },
    async giveBack(_key, leaseId, amount) {
      await query("UPDATE llm_rate_leases SET amount = GREATEST(0, amount - $2) WHERE id = $1", [
        leaseId,
        Math.floor(amount),
      ]);
    },
    async pause(key, forMs) {
      await query(
        `INSERT INTO llm_rate_windows (key, paused_until) VALUES ($1, clock_timestamp() + make_interval(secs => $2 / 1000.0))
         ON CONFLICT (key) DO UPDATE SET paused_until = GREATEST(llm_rate_windows.paused_until, EXCLUDED.paused_until)`,
        [key, forMs],
      );
    },
  };
}
