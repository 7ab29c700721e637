import type { Database, Queryable, Store } from "#domain";

/**
 * After a change of a user's, their reads go to the primary for this long; a replica that lags by more than half of it is
 * not read from at all.
 */
const settleMs = 5_000;
const lagCheckMs = 1_000;
const maxUsers = 50_000;

/** Chooses where reads go: a replica when there is one and it cannot be behind what its reader knows of. */
export interface ReadStores {
  for(userId: string | null): Store;
  /** Something of these users changed, in any process. */
  changed(userId: string): void;
  close(): void;
}

/** Watches the replica's lag (asked of it once a second while there are reads); without a replica all reads are equal. */
export function createReadStores(db: Database, onError: (error: unknown) => void): ReadStores {
  const primary: Store = db;
  const replica: Store = { query: db.read.query, orm: db.read.orm, transaction: db.transaction };
  const changedAt = new Map<string, number>();
  let isReplica: boolean | null = null;
  let fresh = false;
  let checkedAt = Number.NEGATIVE_INFINITY;
  let checking = false;

  async function check(): Promise<void> {
    checking = true;
    try {
      const lagMs = await readLag(db.read);
      isReplica = lagMs !== null;
      fresh = lagMs !== null && lagMs < settleMs / 2;
    } catch (error) {
      fresh = false;
      onError(error);
    } finally {
      checkedAt = performance.now();
      checking = false;
    }
  }

  return {
    for(userId) {
      const at = performance.now();
      if (isReplica !== false && !checking && at - checkedAt > lagCheckMs) void check();
      if (isReplica !== true || !fresh || at - checkedAt > 3 * lagCheckMs) return primary;
      const changed = userId === null ? undefined : changedAt.get(userId);
      return changed !== undefined && at - changed < settleMs ? primary : replica;
    },
    changed(userId) {
      changedAt.delete(userId);
      if (changedAt.size >= maxUsers) {
        const oldest = changedAt.keys().next();
        if (!oldest.done) changedAt.delete(oldest.value);
      }
      changedAt.set(userId, performance.now());
    },
    close: () => changedAt.clear(),
  };
}

/** Milliseconds the replica is behind, 0 when it has replayed all it received; null when it is no replica. */
async function readLag(db: Queryable): Promise<number | null> {
  const { rows } = await db.query<{ lag_ms: number | null }>(
    "replica_lag",
    `SELECT CASE WHEN NOT pg_is_in_recovery() THEN NULL
       WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
       ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000 END::double precision AS lag_ms`,
  );
  return rows[0]?.lag_ms ?? null;
}
