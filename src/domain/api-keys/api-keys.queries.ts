import { type ApiKey, countLimits } from "#contracts";
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

/** The caller's keys, revoked ones last; of these only as many as find room beside the others. */
export async function listApiKeys(db: Queryable, scope: Scope): Promise<ApiKey[]> {
  const { rows } = await db.query<ApiKeyRow>(
    "api_keys_list",
    `SELECT ${apiKeyColumns} FROM api_keys WHERE user_id = $1 ORDER BY revoked_at IS NOT NULL, id DESC LIMIT $2`,
    [scope.userId, countLimits.apiKeys],
  );
  return rows.map(toApiKey);
}
