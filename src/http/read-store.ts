import type { Database, Queryable, Store } from "#domain";

/** After a change of a user's, their reads go to the primary for this long. */
const settleMs = 5_000;
/** A replica is read from while it is proven to be behind by less than this; below `settleMs`, so that nobody misses their own write. */
const maxLagMs = 3_000;
const checkIntervalMs = 500;
const maxUsers = 50_000;
/** Answers of the database that another server would give as well (SQLSTATE classes: data, constraint, syntax and access). */
const sameEverywhere = /^(22|23|42)/;

/** Chooses where reads go: a replica when there is one and it cannot be behind what its reader knows of. */
export interface ReadStores {
  for(userId: string | null): Store;
  /** Something of this user's changed, or of all users' (what was said may have been missed), in any process. */
  changed(userId: string | "all"): void;
  close(): void;
}

export interface ReadStoresOptions {
  /** False while a change in another process may not be heard of here: nobody knows then who may read from a replica. */
  hearsAll: () => boolean;
  onError: (error: unknown) => void;
}

/** Where the primary was at a moment of this process's clock. */
interface Mark {
  at: number;
  position: number;
}

/**
 * Watches how far the replica is. Its own word on its lag is not enough: one that is cut off from the primary believes to have
 * everything. So the primary's position is noted, and the replica is as fresh as the last note that it has reached. What
 * the replica cannot answer (it stopped, or cancels reads in favour of replay) is asked of the primary.
 */
export function createReadStores(db: Database, { hearsAll, onError }: ReadStoresOptions): ReadStores {
  const primary: Store = db;
  const changedAt = new Map<string, number>();
  let allChangedAt = Number.NEGATIVE_INFINITY;
  let marks: Mark[] = [];
  /** The replica has everything that was committed before this moment. */
  let provenAt = Number.NEGATIVE_INFINITY;
  let checkedAt = Number.NEGATIVE_INFINITY;
  let watched = db.read.query !== db.query;
  let checking = false;

  const query: Queryable["query"] = async (name, text, values) => {
    try {
      return await db.read.query(name, text, values);
    } catch (error) {
      if (sameEverywhere.test(String((error as { code?: unknown }).code))) throw error;
      provenAt = Number.NEGATIVE_INFINITY;
      marks = [];
      onError(error);
      return db.query(name, text, values);
    }
  };
  const replica: Store = { query, transaction: db.transaction };

  async function check(): Promise<void> {
    checking = true;
    try {
      const mark = { at: performance.now(), position: await positionOf(db, "pg_current_wal_lsn()") };
      const reached = await positionOf(db.read, "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() END");
      if (mark.position === null || reached === null) {
        watched = false;
        return;
      }
      marks.push({ ...mark, position: mark.position });
      const past = marks.filter(({ position }) => position <= reached);
      provenAt = past.at(-1)?.at ?? provenAt;
      marks = marks.slice(past.length).slice(-100);
    } catch (error) {
      onError(error);
    } finally {
      checkedAt = performance.now();
      checking = false;
    }
  }

  return {
    for(userId) {
      if (!watched) return primary;
      const at = performance.now();
      if (!checking && at - checkedAt > checkIntervalMs) void check();
      if (at - provenAt > maxLagMs || at - allChangedAt < settleMs || !hearsAll()) return primary;
      const changed = userId === null ? undefined : changedAt.get(userId);
      return changed !== undefined && at - changed < settleMs ? primary : replica;
    },
    changed(userId) {
      if (!watched) return;
      if (userId === "all") {
        changedAt.clear();
        allChangedAt = performance.now();
        return;
      }
      changedAt.delete(userId);
      if (changedAt.size >= maxUsers) {
        const oldest = changedAt.keys().next();
        if (!oldest.done) changedAt.delete(oldest.value);
      }
      changedAt.set(userId, performance.now());
    },
    close: () => {
      watched = false;
      changedAt.clear();
    },
  };
}

/** A position in the log as a number (exact up to 8 PB); null when the server has none (it is no replica). */
async function positionOf(db: Queryable, lsn: string): Promise<number | null> {
  const { rows } = await db.query<{ position: number | null }>(
    lsn.startsWith("CASE") ? "replica_position" : "primary_position",
    `SELECT pg_wal_lsn_diff(${lsn}, '0/0')::double precision AS position`,
  );
  return rows[0]?.position ?? null;
}
