import type { CachedAnswer, CacheStore } from "./cache-store.ts";
import type { Query } from "./query.ts";

const keyBytes = (key: string): Buffer => Buffer.from(key, "base64url");

/** The cache's second level in the table `llm_cache`. Each write also removes a few entries that have expired. */
export function postgresCacheStore(query: Query): CacheStore {
  return {
    async get(key) {
      const { rows } = await query<{ reply: CachedAnswer }>(
        "SELECT reply FROM llm_cache WHERE key = $1 AND expires_at > now()",
        [keyBytes(key)],
      );
      return rows[0]?.reply ?? null;
    },
    async set(key, answer, tags, ttlMs) {
      const text = JSON.stringify(answer);
      await query(
        `WITH old AS (
           DELETE FROM llm_cache WHERE key IN (
             SELECT key FROM llm_cache WHERE expires_at < now() ORDER BY expires_at LIMIT 10 FOR UPDATE SKIP LOCKED))
         INSERT INTO llm_cache (key, user_id, squad_id, model, reply, bytes, expires_at)
         SELECT $1, $2, $3, $4, $5::jsonb, $6, now() + make_interval(secs => $7 / 1000.0)
         WHERE EXISTS (SELECT 1 FROM users WHERE id = $2)
         ON CONFLICT (key) DO UPDATE SET squad_id = EXCLUDED.squad_id, model = EXCLUDED.model, reply = EXCLUDED.reply,
           bytes = EXCLUDED.bytes, created_at = now(), expires_at = EXCLUDED.expires_at`,
        [keyBytes(key), tags.tenantId, tags.squadId, tags.model, text, Buffer.byteLength(text), ttlMs],
      );
    },
    async purge({ tenantId, squadId, model }) {
      const { rowCount } = await query(
        `DELETE FROM llm_cache WHERE user_id = $1 AND ($2::uuid IS NULL OR squad_id = $2) AND ($3::text IS NULL OR model = $3)`,
        [tenantId, squadId ?? null, model ?? null],
      );
      return rowCount ?? 0;
    },
  };
}
