import type { Query } from "../stores/query.ts";

export interface EconomyEntry {
  accountId: string;
  state: "waiting" | "submitted" | "done" | "failed";
  batchId: string | null;
  /** Done: the answer's JSON as the provider gave it. Failed: what it said. */
  result: string | null;
}

/**
 * What the economy lane must not forget in a restart.
 *
 * Contract: a call that was submitted is found again by its key, so that it is not paid twice; results are kept until
 * `forget` (the caller has them then).
 */
export interface EconomyStore {
  find(key: string): Promise<EconomyEntry | null>;
  wait(key: string, accountId: string): Promise<void>;
  submitted(keys: readonly string[], batchId: string): Promise<void>;
  finish(key: string, state: "done" | "failed", result: string): Promise<void>;
  forget(key: string): Promise<void>;
}

/** For a process that keeps nothing, and for tests. */
export function memoryEconomyStore(): EconomyStore {
  const entries = new Map<string, EconomyEntry>();
  return {
    find: async (key) => entries.get(key) ?? null,
    async wait(key, accountId) {
      entries.set(key, { accountId, state: "waiting", batchId: null, result: null });
    },
    async submitted(keys, batchId) {
      for (const key of keys) {
        const entry = entries.get(key);
        if (entry !== undefined) entries.set(key, { ...entry, state: "submitted", batchId });
      }
    },
    async finish(key, state, result) {
      const entry = entries.get(key);
      if (entry !== undefined) entries.set(key, { ...entry, state, result });
    },
    async forget(key) {
      entries.delete(key);
    },
  };
}

/** In the table `llm_economy_calls`. */
export function postgresEconomyStore(query: Query): EconomyStore {
  return {
    async find(key) {
      const { rows } = await query<EconomyEntry>(
        `SELECT account_id AS "accountId", state, batch_id AS "batchId", result FROM llm_economy_calls WHERE key = $1`,
        [key],
      );
      return rows[0] ?? null;
    },
    async wait(key, accountId) {
      await query(
        `INSERT INTO llm_economy_calls (key, account_id, state) VALUES ($1, $2, 'waiting')
         ON CONFLICT (key) DO UPDATE SET account_id = EXCLUDED.account_id, state = 'waiting', batch_id = NULL, result = NULL`,
        [key, accountId],
      );
    },
    async submitted(keys, batchId) {
      await query(
        "UPDATE llm_economy_calls SET state = 'submitted', batch_id = $2, submitted_at = now() WHERE key = ANY($1::text[])",
        [keys, batchId],
      );
    },
    async finish(key, state, result) {
      await query("UPDATE llm_economy_calls SET state = $2, result = $3 WHERE key = $1", [key, state, result]);
    },
    async forget(key) {
      await query("DELETE FROM llm_economy_calls WHERE key = $1", [key]);
    },
  };
}
