import type { Queryable } from "#db";
import { notFound, type Refusal, type Scope } from "../store.ts";

/** Revokes a key for ever; doing it twice is the same as once. */
export async function revokeApiKey(
  db: Queryable,
  scope: Scope,
  apiKeyId: string,
): Promise<{ outcome: "ok" } | Refusal> {
  const { rowCount } = await db.query(
    "api_key_revoke",
    "UPDATE api_keys SET revoked_at = COALESCE(revoked_at, now()) WHERE id = $1 AND user_id = $2",
    [apiKeyId, scope.userId],
  );
  return rowCount === 1 ? { outcome: "ok" } : notFound("API key");
}
