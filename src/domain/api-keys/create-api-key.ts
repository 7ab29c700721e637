import { type ApiKey, AppError, countLimits } from "#contracts";
import { type Queryable, uuidv7 } from "#db";
import type { Scope } from "../store.ts";
import { hashToken, newToken } from "../users/secrets.ts";
import { type ApiKeyRow, apiKeyColumns, toApiKey } from "./api-keys.queries.ts";

/** Characters of a key that stay readable: `mst_` and six more. */
const prefixLength = 10;

/**
 * Makes a key. The token is in the answer and nowhere else.
 * @throws {AppError} `conflict` when the user has as many as the list of keys shows.
 */
export async function createApiKey(
  db: Queryable,
  scope: Scope,
  name: string,
): Promise<{ apiKey: ApiKey; token: string }> {
  const token = newToken("mst_");
  const { rows } = await db.query<ApiKeyRow>(
    "api_key_create",
    `INSERT INTO api_keys (id, user_id, name, token_hash, prefix)
     SELECT $1, $2, $3, $4, $5 WHERE (SELECT count(*) FROM api_keys WHERE user_id = $2 AND revoked_at IS NULL) < $6
     RETURNING ${apiKeyColumns}`,
    [uuidv7(), scope.userId, name.trim(), hashToken(token), token.slice(0, prefixLength), countLimits.apiKeys],
  );
  const [row] = rows;
  if (!row) throw new AppError("conflict", `You have ${countLimits.apiKeys} API keys: revoke one first.`);
  return { apiKey: toApiKey(row), token };
}
