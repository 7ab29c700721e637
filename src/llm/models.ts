import { findProvider } from "@pydantic/genai-prices";
import type { ModelInfo } from "#contracts";
import { knownMaxOutputTokens, offeredModels } from "./known-models.ts";
import type { PriceTable } from "./prices.ts";
import type { ProviderAccount, ProviderClient, ProviderModel } from "./providers/provider.ts";

export interface ModelListerOptions {
  accounts: { list(tenantId: string): readonly ProviderAccount[] | Promise<readonly ProviderAccount[]> };
  http: ProviderClient;
  offline?: ProviderClient | undefined;
  prices: PriceTable;
  now: () => number;
}

/** How long a server's own list is kept; a server that did not answer is asked again sooner. */
const KEPT_MS = 60_000;
const KEPT_AFTER_FAILURE_MS = 10_000;
const ANSWER_WITHIN_MS = 3000;

/** Lists what a user can choose: known models of big providers from the price table, local servers' by asking them. */
export function createModelLister(options: ModelListerOptions): (tenantId: string) => Promise<ModelInfo[]> {
  const asked = new WeakMap<ProviderAccount, { untilMs: number; models: Promise<ProviderModel[] | null> }>();

  function ask(account: ProviderAccount, client: ProviderClient): Promise<ProviderModel[] | null> {
    const known = asked.get(account);
    if (known !== undefined && known.untilMs > options.now()) return known.models;
    const entry = {
      untilMs: options.now() + KEPT_MS,
      models: client.listModels(account, AbortSignal.timeout(ANSWER_WITHIN_MS)).catch(() => {
        // A server that is away offers nothing now; that is shown as no models, not as an error of the whole list.
        entry.untilMs = options.now() + KEPT_AFTER_FAILURE_MS;
        return null;
      }),
    };
    asked.set(account, entry);
    return entry.models;
  }

  async function ofAccount(account: ProviderAccount): Promise<ModelInfo[]> {
    if (account.kind === "offline") {
      if (options.offline === undefined) return [];
      const models = await options.offline.listModels(account, AbortSignal.timeout(ANSWER_WITHIN_MS));
      return models.map((model) => info(account, model, `muster/${model.id}`));
    }
    if (account.models !== undefined) return account.models.map((id) => info(account, { id }, `${account.kind}/${id}`));
    const offered = offeredOf(account);
    if (offered !== null) return offered.map((id) => info(account, { id }, `${account.kind}/${id}`));
    const models = (await ask(account, options.http)) ?? [];
    return models.map((model) => info(account, model, `${account.kind}/${model.id}`));
  }

  function info(account: ProviderAccount, model: ProviderModel, id: string): ModelInfo {
    const price = options.prices.lookup(account, model.id, options.now());
    return {
      id,
      name: model.name ?? price?.name ?? model.id,
      provider: account.kind,
      contextTokens: model.contextTokens ?? price?.contextTokens ?? null,
      maxOutputTokens: model.maxOutputTokens ?? knownMaxOutputTokens(model.id),
      inputNanoUsdPerToken: price?.input.base ?? null,
      outputNanoUsdPerToken: price?.output.base ?? null,
      available: true,
    };
  }

  return async (tenantId) => {
    const accounts = await options.accounts.list(tenantId);
    const lists = await Promise.all(accounts.map(ofAccount));
    const byId = new Map<string, ModelInfo>();
    for (const model of lists.flat()) if (!byId.has(model.id)) byId.set(model.id, model);
    return [...byId.values()];
  };
}

/** A choice of the big providers' models; null where the account's own server must be asked. */
function offeredOf(account: ProviderAccount): string[] | null {
  if (account.kind !== "openai" && account.kind !== "anthropic" && account.kind !== "google") return null;
  // Behind another address stands another server with models of its own.
  if (account.allowPrivateAddress) return null;
  const patterns: readonly RegExp[] = offeredModels[account.kind];
  const models = findProvider({ providerId: account.kind })?.models ?? [];
  return models
    .filter((model) => model.deprecated !== true && patterns.some((pattern) => pattern.test(model.id)))
    .map((model) => model.id)
    .reverse();
}
