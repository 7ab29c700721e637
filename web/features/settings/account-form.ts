import type { ProviderAccount, ProviderKind, ProviderWire, UpdateProviderAccountBody } from "#contracts";
import { changedPrices, linesOf, type PriceLine } from "./account-prices.ts";

/** A provider account as its dialog holds it. */
export interface AccountForm {
  kind: ProviderKind;
  wire: ProviderWire;
  name: string;
  baseUrl: string;
  apiKey: string;
  models: string;
  requestsPerMinute: string;
  prices: PriceLine[];
  allowPrivateAddress: boolean;
}

/** What the dialog begins with; null: a new account. */
export function toForm(account: ProviderAccount | null): AccountForm {
  return {
    kind: account?.kind ?? "openai",
    wire: account?.wire ?? "chat",
    name: account?.name ?? "",
    baseUrl: account?.baseUrl ?? "",
    apiKey: "",
    models: account?.models.join(", ") ?? "",
    requestsPerMinute: account?.requestsPerMinute ? String(account.requestsPerMinute) : "",
    prices: linesOf(account?.priceOverrides ?? {}),
    allowPrivateAddress: account?.allowPrivateAddress ?? false,
  };
}

/** The names written with commas or spaces between, each once. */
export const namedModels = (models: string): string[] => [...new Set(models.split(/[\s,]+/).filter(Boolean))];

/** Others have one format only. */
export const hasWire = (kind: ProviderKind) => kind === "openai" || kind === "openai_compatible";

/** What is sent to save the form; prices only where they were changed, for what is sent replaces all that are stored. */
export function toBody(form: AccountForm, account: ProviderAccount | null): UpdateProviderAccountBody {
  const priceOverrides = changedPrices(form.prices, account?.priceOverrides ?? {});
  return {
    name: form.name.trim(),
    ...(form.baseUrl.trim() ? { baseUrl: form.baseUrl.trim() } : {}),
    ...(form.apiKey ? { apiKey: form.apiKey } : {}),
    models: namedModels(form.models),
    ...(hasWire(form.kind) ? { wire: form.wire } : {}),
    ...(priceOverrides ? { priceOverrides } : {}),
    requestsPerMinute: form.requestsPerMinute.trim() ? Number(form.requestsPerMinute) : null,
    allowPrivateAddress: form.allowPrivateAddress,
  };
}
