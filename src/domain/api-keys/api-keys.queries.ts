import type { ApiKey } from "#contracts";
import type { Queryable } from "#db";
import type { Scope } from "../store.ts";

export interface ApiKeyRow {
  id: string;
  name: string;
  prefix: string;
  created_at: Date;
  last_used_at: Date | null;
  revoked_at: Date | null;
}

/** The columns of `ApiKeyRow`: never the hash. */
export const apiKeyColumns = "id, name, prefix, created_at, last_used_at, revoked_at";

/** A key as the API shows it. */
export function toApiKey(row: ApiKeyRow): ApiKey {
  return {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    createdAt: row.created_at.toISOString(),
    lastUsedAt: row.last_used_at?.toISOString() ?? null,
    revokedAt: row.revoked_at?.toISOString() ?? null,
  };
}

/** The caller's newest two hundred keys, revoked ones last. */
export async function listApiKeys(db: Queryable, scope: Scope): Promise<ApiKey[]> {
  const { rows } = await db.query<ApiKeyRow>(
    "api_keys_list",
    `SELECT ${apiKeyColumns} FROM api_keys WHERE user_id = $1 ORDER BY revoked_at IS NOT NULL, id DESC LIMIT 200`,
    [scope.userId],
  );
  return rows.map(toApiKey);
}
