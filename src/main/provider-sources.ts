import type { Config } from "#config";
import { type ProviderKind, providerPresets } from "#contracts";
import {
  type Database,
  openProviderAccount,
  type ProviderCredentials,
  readProviderCredentials,
  type SecretBox,
} from "#domain";
import type { PriceOverride, ProviderAccount } from "#llm";
import type { Logger } from "#metrics";

/** Where a kind's own provider is; empty for those that have no address of their own. */
const defaultBaseUrl = (kind: ProviderKind): string =>
  providerPresets.find((preset) => preset.slug === kind)?.baseUrl ?? "";

export const offlineAccount: ProviderAccount = {
  id: "offline",
  tenantId: null,
  kind: "offline",
  baseUrl: "",
  apiKey: null,
  models: ["offline"],
  allowPrivateAddress: false,
};

/** Accounts that the environment names; whoever sets it may use private addresses. */
export function accountsFromEnvironment(config: Config): ProviderAccount[] {
  const accounts: ProviderAccount[] = [];
  const add = (kind: "openai" | "anthropic" | "google" | "ollama", apiKey: string | null, baseUrl: string | null) => {
    if (apiKey === null && baseUrl === null) return;
    accounts.push({
      id: `environment-${kind}`,
      tenantId: null,
      kind,
      baseUrl: baseUrl ?? defaultBaseUrl(kind),
      apiKey,
      allowPrivateAddress: baseUrl !== null,
    });
  };
  add("openai", config.openai.apiKey, config.openai.baseUrl);
  add("anthropic", config.anthropic.apiKey, config.anthropic.baseUrl);
  add("google", config.google.apiKey, null);
  add("ollama", null, config.ollama.baseUrl);
  return accounts;
}

/** Ollama, LM Studio, llama.cpp; vLLM's port is too many others'. */
const localServers = providerPresets.filter(({ isLocal, slug }) => isLocal && slug !== "vllm");

/** Model servers that answer on this machine's usual ports; asked once, within 300 ms. */
export async function findLocalServers(): Promise<ProviderAccount[]> {
  const found = await Promise.all(
    localServers.map(async ({ slug, kind, baseUrl }): Promise<ProviderAccount | null> => {
      try {
        const answer = await fetch(`${baseUrl}/models`, { signal: AbortSignal.timeout(300), redirect: "error" });
        const body: unknown = await answer.json();
        if (!answer.ok || typeof body !== "object" || body === null || !("data" in body) || !Array.isArray(body.data))
          return null;
        return { id: `local-${slug}`, tenantId: null, kind, baseUrl, apiKey: null, allowPrivateAddress: true };
      } catch {
        // Nobody listens there, or something else does: not a model server.
        return null;
      }
    }),
  );
  return found.filter((account) => account !== null);
}

/** The accounts that a user's calls may go through. */
export interface ProviderSources {
  /** The same array until something changes, so that others can keep what they made of it. */
  accountsOf(tenantId: string): Promise<readonly ProviderAccount[]>;
  /**
   * One account as it is stored now, enabled or not; null when its owner deleted it. Rejects when its key cannot be opened,
   * or when it is one of the installation's that is not configured at present.
   */
  findAccount(tenantId: string, accountId: string): Promise<ProviderAccount | null>;
  /** Reads the accounts again: a user changed theirs (null: anyone did). */
  forget(tenantId: string | null): void;
}

/** A stored account as the gateway takes it. */
export function toLlmAccount(row: ProviderCredentials): ProviderAccount {
  return {
    id: row.id,
    tenantId: row.userId,
    kind: row.kind,
    wire: row.wire,
    baseUrl: row.baseUrl ?? defaultBaseUrl(row.kind),
    apiKey: row.apiKey,
    ...(row.models.length > 0 ? { models: row.models } : {}),
    allowPrivateAddress: row.allowPrivateAddress,
    priceOverrides: pricesOf(row),
    ...(row.requestsPerMinute === null ? {} : { requestsPerMinute: row.requestsPerMinute }),
    ...(row.tokensPerMinute === null ? {} : { tokensPerMinute: row.tokensPerMinute }),
  };
}

/** Nano-USD a token are milli-USD a million tokens: 1 nano-USD = 0.001 USD per million. */
const usdPerMillion = (nanoUsdPerToken: number) => nanoUsdPerToken / 1_000;

function pricesOf({ priceOverrides }: ProviderCredentials): Record<string, PriceOverride> {
  return Object.fromEntries(
    Object.entries(priceOverrides).map(([model, price]) => [
      model,
      {
        inputUsdPerMillion: usdPerMillion(price.inputNanoUsdPerToken),
        outputUsdPerMillion: usdPerMillion(price.outputNanoUsdPerToken),
        ...(price.cacheReadNanoUsdPerToken === undefined
          ? {}
          : { cacheReadUsdPerMillion: usdPerMillion(price.cacheReadNanoUsdPerToken) }),
        ...(price.cacheWriteNanoUsdPerToken === undefined
          ? {}
          : { cacheWriteUsdPerMillion: usdPerMillion(price.cacheWriteNanoUsdPerToken) }),
      },
    ]),
  );
}

const keptMs = 30_000;
/** Ids of stored accounts are UUIDs; those of the installation are names. */
const storedId = /^[0-9a-f-]{36}$/;

/** Accounts of the installation (environment, local servers, the offline model) and of each user, kept for 30 s. */
export function createProviderSources(options: {
  db: Database;
  secretBox: SecretBox;
  shared: readonly ProviderAccount[];
  logger: Logger;
}): ProviderSources {
  const kept = new Map<string, { atMs: number; accounts: Promise<readonly ProviderAccount[]> }>();

  async function read(tenantId: string): Promise<readonly ProviderAccount[]> {
    const rows = await readProviderCredentials(
      options.db,
      { userId: tenantId },
      options.secretBox,
      (account, error) => {
        options.logger.error({ accountId: account.id, err: error }, "a provider key cannot be opened; store it again");
      },
    );
    const own = rows.filter((row) => row.kind !== "offline").map(toLlmAccount);
    return [...own, ...options.shared, offlineAccount];
  }

  return {
    accountsOf(tenantId) {
      const present = kept.get(tenantId);
      if (present && Date.now() - present.atMs < keptMs) return present.accounts;
      const accounts = read(tenantId);
      kept.set(tenantId, { atMs: Date.now(), accounts });
      accounts.catch(() => kept.delete(tenantId));
      return accounts;
    },
    async findAccount(tenantId, accountId) {
      const shared = [...options.shared, offlineAccount].find(({ id }) => id === accountId);
      if (shared !== undefined) return shared;
      if (!storedId.test(accountId))
        throw new Error(`The installation has no provider account ${accountId} at present.`);
      const found = await openProviderAccount(options.db, { userId: tenantId }, accountId, options.secretBox);
      return found === null ? null : toLlmAccount(found);
    },
    forget(tenantId) {
      if (tenantId === null) kept.clear();
      else kept.delete(tenantId);
    },
  };
}
