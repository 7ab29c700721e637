import type { ProviderKind } from "#contracts";
import { LlmError } from "./errors.ts";
import { knownMaxOutputTokens } from "./known-models.ts";
import type { ModelPrice, PriceTable } from "./prices.ts";
import type { ProviderAccount, ProviderClient } from "./providers/provider.ts";

/** One way to answer a request: an account, the provider's name of the model, and what it costs. */
export interface Candidate {
  account: ProviderAccount;
  client: ProviderClient;
  model: string;
  price: ModelPrice | null;
  contextTokens: number | null;
  maxOutputTokens: number | null;
  /** The account's id where it is a row of `provider_accounts`, null for accounts from the environment. */
  accountId: string | null;
}

/** Prefixes of model ids, `openai/gpt-…`; `muster/offline` is the offline model. */
const prefixes: Record<string, ProviderKind> = {
  openai: "openai",
  anthropic: "anthropic",
  google: "google",
  ollama: "ollama",
  openai_compatible: "openai_compatible",
  muster: "offline",
};

/** Families of bare names. */
const families: [RegExp, ProviderKind][] = [
  [/^(gpt-|chatgpt-|o[1-9](-|$)|text-embedding-|davinci|ft:gpt)/, "openai"],
  [/^claude/, "anthropic"],
  [/^(gemini|gemma|text-embedding-004|embedding-001)/, "google"],
];

/** Splits `provider/model`; a name without a known prefix is bare, slashes and all (`meta-llama/llama-4`). */
export function parseModelId(id: string): { kind: ProviderKind | null; model: string } {
  const slash = id.indexOf("/");
  const kind = slash > 0 ? prefixes[id.slice(0, slash)] : undefined;
  return kind === undefined ? { kind: null, model: id } : { kind, model: id.slice(slash + 1) };
}

/** The accounts that can answer for a model id, best first: those that name it, then its family's, then any open one. */
export function accountsFor(
  id: string,
  accounts: readonly ProviderAccount[],
): { account: ProviderAccount; model: string }[] {
  const { kind, model } = parseModelId(id);
  const pair = (account: ProviderAccount) => ({ account, model });
  if (kind !== null) {
    const ofKind = accounts.filter((account) => account.kind === kind);
    const naming = ofKind.filter((account) => account.models?.includes(model) === true);
    return (naming.length > 0 ? naming : ofKind.filter((account) => account.models === undefined)).map(pair);
  }
  const real = accounts.filter((account) => account.kind !== "offline");
  const naming = real.filter((account) => account.models?.includes(model) === true);
  if (naming.length > 0) return naming.map(pair);
  const open = real.filter((account) => account.models === undefined);
  const family = families.find(([pattern]) => pattern.test(model))?.[1];
  const ofFamily = open.filter((account) => account.kind === family);
  if (ofFamily.length > 0) return ofFamily.map(pair);
  // A name of no family: a private model of a compatible server, or of a server behind OPENAI_BASE_URL.
  if (family !== undefined) return open.filter((account) => account.kind === "openai_compatible").map(pair);
  for (const kindOfServer of ["openai_compatible", "ollama", "openai"] as const) {
    const servers = open.filter((account) => account.kind === kindOfServer);
    if (servers.length > 0) return servers.map(pair);
  }
  return [];
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export interface RouterOptions {
  prices: PriceTable;
  http: ProviderClient;
  /** Absent: `muster/offline` is not offered. */
  offline?: ProviderClient | undefined;
  now: () => number;
}

const HOUR_MS = 3_600_000;

/** Resolves model ids to candidates; a resolution is kept as long as the list of accounts is the same object. */
export class Router {
  readonly #options: RouterOptions;
  readonly #kept = new WeakMap<readonly ProviderAccount[], { hour: number; byId: Map<string, Candidate[]> }>();

  constructor(options: RouterOptions) {
    this.#options = options;
  }

  /** Throws `model_unknown` when no account can answer for any of the ids; ids beyond the first may be unknown. */
  resolve(ids: readonly string[], accounts: readonly ProviderAccount[]): Candidate[] {
    if (ids.length === 1) return this.#one(ids[0] as string, accounts, true);
    return ids.flatMap((id, index) => this.#one(id, accounts, index === 0));
  }

  #one(id: string, accounts: readonly ProviderAccount[], required: boolean): Candidate[] {
    const hour = Math.floor(this.#options.now() / HOUR_MS);
    let kept = this.#kept.get(accounts);
    if (kept === undefined || kept.hour !== hour) {
      kept = { hour, byId: new Map() };
      this.#kept.set(accounts, kept);
    }
    let candidates = kept.byId.get(id);
    if (candidates === undefined) {
      candidates = accountsFor(id, accounts).flatMap(({ account, model }) => this.#candidate(account, model));
      if (kept.byId.size > 1000) kept.byId.clear();
      kept.byId.set(id, candidates);
    }
    if (candidates.length === 0 && required) {
      const known = [...new Set(accounts.map((account) => account.kind))].join(", ");
      throw new LlmError(
        "model_unknown",
        `No provider account offers the model "${id}". ${known === "" ? "Add a provider account first." : `Configured: ${known}. Choose one of GET /api/v1/models or add an account that offers it.`}`,
      );
    }
    return candidates;
  }

  #candidate(account: ProviderAccount, model: string): Candidate[] {
    const client = account.kind === "offline" ? this.#options.offline : this.#options.http;
    if (client === undefined) return [];
    const price = this.#options.prices.lookup(account, model, this.#options.now());
    return [
      {
        account,
        client,
        model,
        price,
        contextTokens: price?.contextTokens ?? null,
        maxOutputTokens: knownMaxOutputTokens(model),
        accountId: uuidPattern.test(account.id) ? account.id : null,
      },
    ];
  }
}
