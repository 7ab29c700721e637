import { calcPrice } from "@pydantic/genai-prices";
import type { PriceOverride, ProviderAccount } from "./providers/provider.ts";
import type { LlmUsage } from "./types.ts";

/** A price that rises once a request's input exceeds a number of tokens; nano-USD per token. */
interface Rate {
  base: number;
  /** Ascending by `above`; the last one exceeded holds for all tokens of the request. */
  tiers: { above: number; nanoUsd: number }[];
}

/** What a model costs at one time. Rates are nano-USD per token and may have fractions; sums are whole numbers. */
export interface ModelPrice {
  input: Rate;
  cacheRead: Rate;
  cacheWrite: Rate;
  output: Rate;
  contextTokens: number | null;
  name: string | null;
}

function rateAt(rate: Rate, inputTokens: number): number {
  let nanoUsd = rate.base;
  for (const tier of rate.tiers) if (inputTokens > tier.above) nanoUsd = tier.nanoUsd;
  return nanoUsd;
}

/** Providers' Batch APIs take half (https://platform.openai.com/docs/guides/batch, https://platform.claude.com/docs/en/build-with-claude/batch-processing). */
export const BATCH_DISCOUNT = 0.5;

/** Integer nano-USD of a call. Cached tokens are part of the input, reasoning part of the output, none counts twice. */
export function costOf(price: ModelPrice, usage: LlmUsage, discount = 1): number {
  const { inputTokens } = usage;
  const read = Math.min(usage.cacheReadTokens, inputTokens);
  const write = Math.min(usage.cacheWriteTokens, inputTokens - read);
  const nanoUsd =
    (inputTokens - read - write) * rateAt(price.input, inputTokens) +
    read * rateAt(price.cacheRead, inputTokens) +
    write * rateAt(price.cacheWrite, inputTokens) +
    usage.outputTokens * rateAt(price.output, inputTokens);
  return Math.round(nanoUsd * discount);
}

/** Upper bounds for a reservation: the input as if all of it were written to the provider's cache, and one output token. */
export function costBounds(
  price: ModelPrice,
  inputTokens: number,
): { inputNanoUsd: number; outputNanoUsdPerToken: number } {
  const rate = Math.max(rateAt(price.input, inputTokens), rateAt(price.cacheWrite, inputTokens));
  return {
    inputNanoUsd: Math.ceil(inputTokens * rate),
    outputNanoUsdPerToken: Math.ceil(rateAt(price.output, inputTokens)),
  };
}

const flat = (usdPerMillion: number): Rate => ({ base: usdPerMillion * 1000, tiers: [] });

function fromOverride(override: PriceOverride): ModelPrice {
  return {
    input: flat(override.inputUsdPerMillion),
    cacheRead: flat(override.cacheReadUsdPerMillion ?? override.inputUsdPerMillion),
    cacheWrite: flat(override.cacheWriteUsdPerMillion ?? override.inputUsdPerMillion),
    output: flat(override.outputUsdPerMillion),
    contextTokens: null,
    name: null,
  };
}

type WirePrice = number | { base: number; tiers: { start: number; price: number }[] };

function fromWire(price: WirePrice | undefined): Rate | null {
  if (price === undefined) return null;
  if (typeof price === "number") return flat(price);
  const tiers = price.tiers.map((tier) => ({ above: tier.start, nanoUsd: tier.price * 1000 }));
  return { base: price.base * 1000, tiers: tiers.sort((a, b) => a.above - b.above) };
}

function fromTable(account: ProviderAccount, model: string, at: Date): ModelPrice | null {
  const where =
    account.kind === "openai_compatible" ? { providerApiUrl: account.baseUrl } : { providerId: account.kind };
  let found: ReturnType<typeof calcPrice>;
  try {
    found = calcPrice({ input_tokens: 1 }, model, { ...where, timestamp: at });
  } catch {
    // The table throws for prices in units other than tokens (images, audio): unknown for our purpose.
    return null;
  }
  if (found === null) return null;
  const wire = found.model_price as Record<string, WirePrice | undefined>;
  const input = fromWire(wire.input_mtok);
  if (input === null) return null;
  return {
    input,
    cacheRead: fromWire(wire.cache_read_mtok) ?? input,
    cacheWrite: fromWire(wire.cache_write_mtok) ?? input,
    // Embedding models have no output price, and no output.
    output: fromWire(wire.output_mtok) ?? flat(0),
    contextTokens: found.model.context_window ?? null,
    name: found.model.name ?? null,
  };
}

/** Looks prices up; an entry is kept for an hour, since some prices are dated or change with the time of day. */
export class PriceTable {
  readonly #entries = new Map<string, { price: ModelPrice | null; hour: number }>();
  readonly #overrides: Readonly<Record<string, PriceOverride>>;

  /** `overrides`: by `provider/model` or by the bare name of the model. */
  constructor(overrides: Readonly<Record<string, PriceOverride>> = {}) {
    this.#overrides = overrides;
  }

  /** Null: not known. Never a guess, never 0 for what may cost. */
  lookup(account: ProviderAccount, model: string, nowMs: number): ModelPrice | null {
    const override =
      account.priceOverrides?.[model] ?? this.#overrides[`${account.kind}/${model}`] ?? this.#overrides[model];
    if (override !== undefined) return fromOverride(override);
    // The offline model and a local Ollama bill nobody; Ollama's hosted models (`…-cloud`) are another matter.
    if (account.kind === "offline" || (account.kind === "ollama" && !model.endsWith("-cloud"))) {
      return fromOverride({ inputUsdPerMillion: 0, outputUsdPerMillion: 0 });
    }
    const key = `${account.kind === "openai_compatible" ? account.baseUrl : account.kind}\n${model}`;
    const hour = Math.floor(nowMs / 3_600_000);
    const entry = this.#entries.get(key);
    if (entry !== undefined && entry.hour === hour) return entry.price;
    const price = account.kind === "ollama" ? null : fromTable(account, model, new Date(nowMs));
    // Names come from clients: the table of misses must not grow with them.
    if (this.#entries.size > 5000) this.#entries.clear();
    this.#entries.set(key, { price, hour });
    return price;
  }
}
