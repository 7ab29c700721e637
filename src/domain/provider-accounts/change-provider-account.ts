import {
  type CreateProviderAccountBody,
  countLimits,
  type ProviderAccount,
  type ProviderKind,
  type UpdateProviderAccountBody,
} from "#contracts";
import { type Queryable, uuidv7 } from "#db";
import { notFound, type Refusal, type Scope, type Store, violates } from "../store.ts";
import {
  listProviderAccounts,
  type ProviderAccountRow,
  providerAccountColumns,
  readProviderAccount,
  toProviderAccount,
} from "./provider-accounts.queries.ts";
import type { SecretBox } from "./secret-box.ts";

type AccountOutcome = { outcome: "ok"; providerAccount: ProviderAccount } | Refusal;
const hintLength = 4;

const needsKey: ReadonlySet<ProviderKind> = new Set<ProviderKind>(["openai", "anthropic", "google"]);
const needsBaseUrl: ReadonlySet<ProviderKind> = new Set<ProviderKind>(["openai_compatible"]);

/** Kinds that may speak OpenAI's responses format. */
const hasResponses: ReadonlySet<ProviderKind> = new Set<ProviderKind>(["openai", "openai_compatible"]);

function wireRefused(kind: ProviderKind): Refusal {
  return {
    outcome: "validation_failed",
    detail: `An account of kind "${kind}" has no responses format: leave wire out, or use kind openai or openai_compatible.`,
  };
}

function keyHint(apiKey: string | null | undefined): string | null {
  return apiKey === undefined || apiKey === null || apiKey.length < 12 ? null : apiKey.slice(-hintLength);
}

function nameTaken(name: string): Refusal {
  return { outcome: "already_exists", detail: `You have an account named "${name}" already: choose another name.` };
}

/** Stores an account; its key is sealed with the row's id before it leaves this function. */
export async function createProviderAccount(
  db: Queryable,
  scope: Scope,
  body: CreateProviderAccountBody,
  box: SecretBox,
): Promise<AccountOutcome> {
  if (needsKey.has(body.kind) && body.apiKey === undefined && body.baseUrl === undefined) {
    return { outcome: "validation_failed", detail: `An account of kind "${body.kind}" needs an apiKey.` };
  }
  if (needsBaseUrl.has(body.kind) && body.baseUrl === undefined) {
    return { outcome: "validation_failed", detail: `An account of kind "${body.kind}" needs a baseUrl.` };
  }
  if (body.wire === "responses" && !hasResponses.has(body.kind)) return wireRefused(body.kind);
  const id = uuidv7();
  const { rows } = await db.query<ProviderAccountRow>(
    "provider_account_create",
    `INSERT INTO provider_accounts (id, user_id, kind, name, base_url, key_encrypted, key_hint, models,
       allow_private_address, requests_per_minute, tokens_per_minute, price_overrides, enabled, wire)
     SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14
     WHERE (SELECT count(*) FROM provider_accounts WHERE user_id = $2) < $15 ON CONFLICT (user_id, name) DO NOTHING
     RETURNING ${providerAccountColumns}`,
    [
      id,
      scope.userId,
      body.kind,
      body.name.trim(),
      body.baseUrl ?? null,
      body.apiKey === undefined ? null : box.seal(body.apiKey, id),
      keyHint(body.apiKey),
      body.models ?? [],
      body.allowPrivateAddress ?? false,
      body.requestsPerMinute ?? null,
      body.tokensPerMinute ?? null,
      JSON.stringify(body.priceOverrides ?? {}),
      body.enabled ?? true,
      body.wire ?? "chat",
      countLimits.providerAccounts,
    ],
  );
  const row = rows[0];
  if (row) return { outcome: "ok", providerAccount: toProviderAccount(row) };
  const { length } = await listProviderAccounts(db, scope);
  if (length < countLimits.providerAccounts) return nameTaken(body.name.trim());
  return { outcome: "conflict", detail: `You have ${length} provider accounts: delete one first.` };
}

/** Changes an account. A new address without the key again is refused: a stored key must not follow it there. */
export async function updateProviderAccount(
  db: Store,
  scope: Scope,
  id: string,
  body: UpdateProviderAccountBody,
  box: SecretBox,
): Promise<AccountOutcome> {
  try {
    return await db.transaction(async (transaction) => {
      const present = await readProviderAccount(transaction, scope, id);
      if (!present) return notFound("provider account");
      const moved = body.baseUrl !== undefined && body.baseUrl !== present.baseUrl;
      if (moved && present.hasKey && body.apiKey === undefined) {
        return { outcome: "validation_failed", detail: "A new baseUrl needs the apiKey again (or apiKey null)." };
      }
      if (body.wire === "responses" && !hasResponses.has(present.kind)) return wireRefused(present.kind);
      const { rows } = await transaction.query<ProviderAccountRow>(
        "provider_account_update",
        `UPDATE provider_accounts SET name = COALESCE($3, name), base_url = CASE WHEN $4 THEN $5 ELSE base_url END,
           key_encrypted = CASE WHEN $6 THEN $7::bytea ELSE key_encrypted END,
           key_hint = CASE WHEN $6 THEN $8 ELSE key_hint END, models = COALESCE($9, models),
           allow_private_address = COALESCE($10, allow_private_address),
           requests_per_minute = CASE WHEN $11 THEN $12::integer ELSE requests_per_minute END,
           tokens_per_minute = CASE WHEN $13 THEN $14::integer ELSE tokens_per_minute END,
           price_overrides = COALESCE($15, price_overrides), enabled = COALESCE($16, enabled),
           wire = COALESCE($17, wire), updated_at = now()
         WHERE id = $2 AND user_id = $1 RETURNING ${providerAccountColumns}`,
        [
          scope.userId,
          id,
          body.name?.trim() ?? null,
          body.baseUrl !== undefined,
          body.baseUrl ?? null,
          body.apiKey !== undefined,
          body.apiKey === undefined || body.apiKey === null ? null : box.seal(body.apiKey, id),
          keyHint(body.apiKey),
          body.models ?? null,
          body.allowPrivateAddress ?? null,
          body.requestsPerMinute !== undefined,
          body.requestsPerMinute ?? null,
          body.tokensPerMinute !== undefined,
          body.tokensPerMinute ?? null,
          body.priceOverrides === undefined ? null : JSON.stringify(body.priceOverrides),
          body.enabled ?? null,
          body.wire ?? null,
        ],
      );
      const row = rows[0];
      return row ? { outcome: "ok", providerAccount: toProviderAccount(row) } : notFound("provider account");
    });
  } catch (error) {
    if (violates(error, "provider_accounts_user_id_name_key")) return nameTaken(body.name ?? "");
    throw error;
  }
}

/** Deletes an account and its key; the bill stays. */
export async function deleteProviderAccount(
  db: Queryable,
  scope: Scope,
  id: string,
): Promise<{ outcome: "ok" } | Refusal> {
  const { rowCount } = await db.query(
    "provider_account_delete",
    "DELETE FROM provider_accounts WHERE id = $1 AND user_id = $2",
    [id, scope.userId],
  );
  return rowCount === 1 ? { outcome: "ok" } : notFound("provider account");
}
