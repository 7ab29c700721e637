import {
  countLimits,
  type PriceOverrides,
  type ProviderAccount,
  type ProviderKind,
  type ProviderWire,
} from "#contracts";
import type { Queryable } from "#db";
import type { Scope } from "../store.ts";
import type { SecretBox } from "./secret-box.ts";

export interface ProviderAccountRow {
  id: string;
  kind: ProviderKind;
  wire: ProviderWire;
  name: string;
  base_url: string | null;
  has_key: boolean;
  key_hint: string | null;
  models: string[];
  allow_private_address: boolean;
  requests_per_minute: number | null;
  tokens_per_minute: number | null;
  price_overrides: PriceOverrides;
  enabled: boolean;
  created_at: Date;
  updated_at: Date;
}

/** The columns of `ProviderAccountRow`: never the key. */
export const providerAccountColumns = `id, kind, wire, name, base_url, key_encrypted IS NOT NULL AS has_key, key_hint, models,
  allow_private_address, requests_per_minute, tokens_per_minute, price_overrides, enabled, created_at, updated_at`;

/** An account as the API shows it. */
export function toProviderAccount(row: ProviderAccountRow): ProviderAccount {
  return {
    id: row.id,
    kind: row.kind,
    wire: row.wire,
    name: row.name,
    baseUrl: row.base_url,
    hasKey: row.has_key,
    keyHint: row.key_hint,
    models: row.models,
    allowPrivateAddress: row.allow_private_address,
    requestsPerMinute: row.requests_per_minute,
    tokensPerMinute: row.tokens_per_minute,
    priceOverrides: row.price_overrides,
    enabled: row.enabled,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  };
}

/** The user's accounts, newest first. */
export async function listProviderAccounts(db: Queryable, scope: Scope): Promise<ProviderAccount[]> {
  const { rows } = await db.query<ProviderAccountRow>(
    "provider_accounts_list",
    `SELECT ${providerAccountColumns} FROM provider_accounts WHERE user_id = $1 ORDER BY id DESC LIMIT $2`,
    [scope.userId, countLimits.providerAccounts],
  );
  return rows.map(toProviderAccount);
}

/** One account; null when it is missing or another's. */
export async function readProviderAccount(db: Queryable, scope: Scope, id: string): Promise<ProviderAccount | null> {
  const { rows } = await db.query<ProviderAccountRow>(
    "provider_account_read",
    `SELECT ${providerAccountColumns} FROM provider_accounts WHERE id = $2 AND user_id = $1`,
    [scope.userId, id],
  );
  return rows[0] ? toProviderAccount(rows[0]) : null;
}

/** An account with its key in the clear, for the gateway. It must never reach an answer or a log. */
export interface ProviderCredentials extends ProviderAccount {
  userId: string;
  apiKey: string | null;
}

/**
 * The enabled accounts of a user (of everyone with `scope` null), keys opened. An account whose key cannot be opened is
 * left out and reported: the installation's key is another than the one it was sealed with.
 */
export async function readProviderCredentials(
  db: Queryable,
  scope: Scope | null,
  box: SecretBox,
  onUnreadable: (account: ProviderAccount, error: unknown) => void,
): Promise<ProviderCredentials[]> {
  const { rows } = await db.query<ProviderAccountRow & { user_id: string; key_encrypted: Buffer | null }>(
    "provider_accounts_open",
    `SELECT ${providerAccountColumns}, user_id, key_encrypted FROM provider_accounts
     WHERE enabled AND ($1::uuid IS NULL OR user_id = $1) ORDER BY id`,
    [scope?.userId ?? null],
  );
  return rows.flatMap((row) => {
    const account = toProviderAccount(row);
    try {
      const apiKey = row.key_encrypted === null ? null : box.open(row.key_encrypted, row.id);
      return [{ ...account, userId: row.user_id, apiKey }];
    } catch (error) {
      onUnreadable(account, error);
      return [];
    }
  });
}

/** One account with its key, enabled or not, for testing it; null when it is missing or another's. */
export async function openProviderAccount(
  db: Queryable,
  scope: Scope,
  id: string,
  box: SecretBox,
): Promise<ProviderCredentials | null> {
  const { rows } = await db.query<ProviderAccountRow & { key_encrypted: Buffer | null }>(
    "provider_account_open",
    `SELECT ${providerAccountColumns}, key_encrypted FROM provider_accounts WHERE id = $2 AND user_id = $1`,
    [scope.userId, id],
  );
  const row = rows[0];
  if (!row) return null;
  const apiKey = row.key_encrypted === null ? null : box.open(row.key_encrypted, row.id);
  return { ...toProviderAccount(row), userId: scope.userId, apiKey };
}
