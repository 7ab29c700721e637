import { createSecretKey, randomBytes } from "node:crypto";
import type { ModelInfo } from "#contracts";
import { CallState, type GatewayCall, type GatewayHandler, type GatewayMiddleware } from "./call-state.ts";
import type { EconomyLane, EconomyLaneOptions } from "./economy/economy-lane.ts";
import { type EmbedCall, type EmbedReply, embedder } from "./embeddings.ts";
import { asLlmError } from "./errors.ts";
import { BlockLedger } from "./ledger/block-ledger.ts";
import type { LedgerStore } from "./ledger/ledger-store.ts";
import { MemoryLedgerStore } from "./ledger/memory-ledger-store.ts";
import { UsageWriter } from "./ledger/usage-writer.ts";
import { batchLaneMiddleware } from "./middleware/batch-lane.ts";
import { budgetMiddleware } from "./middleware/budget.ts";
import { cacheMiddleware } from "./middleware/cache.ts";
import { promptLayoutMiddleware } from "./middleware/prompt-layout.ts";
import { providerHandler } from "./middleware/provider.ts";
import { rateGovernorMiddleware } from "./middleware/rate-governor.ts";
import { retryMiddleware } from "./middleware/retry.ts";
import { singleFlightMiddleware } from "./middleware/single-flight.ts";
import { traceMiddleware } from "./middleware/trace.ts";
import { usageMiddleware } from "./middleware/usage.ts";
import { createModelLister } from "./models.ts";
import { PriceTable } from "./prices.ts";
import { PromptBatches } from "./prompt-batches.ts";
import { HttpProvider } from "./providers/http-provider.ts";
import { HttpTransport } from "./providers/http-transport.ts";
import {
  defaultTimeouts,
  type PriceOverride,
  type ProviderAccount,
  type ProviderClient,
  type ProviderModel,
  type ProviderTimeouts,
} from "./providers/provider.ts";
import type { LimitStore } from "./rate/leased-quota.ts";
import { RateGovernor } from "./rate/rate-governor.ts";
import type { LlmCallRecord, LlmObserver } from "./records.ts";
import { Router } from "./routing.ts";
import type { CacheFilter, CacheStore } from "./stores/cache-store.ts";
import { MemoryCache } from "./stores/memory-cache.ts";
import type { LlmCall, LlmFrame, LlmHandler, LlmReply } from "./types.ts";

/** The accounts a user's calls may use, his own first. Return the same array until something changes: it is a key of caches. */
export interface AccountSource {
  list(tenantId: string): readonly ProviderAccount[] | Promise<readonly ProviderAccount[]>;
  /**
   * One account whether or not it takes calls now, to ask after what was handed over to it; null: it is gone for good.
   * Rejects when that cannot be said. Absent: what `list` has.
   */
  find?(tenantId: string, accountId: string): Promise<ProviderAccount | null>;
}

export interface GatewayDeps {
  accounts: AccountSource;
  /** Secret of the cache's keys, 32 bytes, the same in all processes; absent: a random one (then no shared level). */
  tenantSecret?: Buffer | undefined;
  /** Budgets and bill of plain calls; absent: memory, without budgets. */
  ledgerStore?: LedgerStore | undefined;
  /** How long a call at a budget's limit waits for money that running calls have only reserved; 5,000 ms. */
  budgetWaitMs?: number | undefined;
  /** Second level of the cache; absent: memory only. */
  cacheStore?: CacheStore | undefined;
  /** Windows shared with other processes; absent: this process is the only one. */
  limitStore?: LimitStore | undefined;
  economy?: ((parts: Pick<EconomyLaneOptions, "http" | "accountOf" | "book">) => EconomyLane) | undefined;
  /** The offline model; absent: `muster/offline` is not offered. */
  offline?: ProviderClient | undefined;
  observers?: readonly LlmObserver[] | undefined;
  priceOverrides?: Readonly<Record<string, PriceOverride>> | undefined;
  timeouts?: Partial<ProviderTimeouts> | undefined;
  cache?: { maxBytes?: number; ttlMs?: number } | undefined;
  rate?: { windowMs?: number; defaultRequestsPerWindow?: number } | undefined;
  retry?: { attemptsPerCandidate?: number; baseDelayMs?: number; maxDelayMs?: number } | undefined;
  microBatch?: { size?: number; waitMs?: number } | undefined;
  /** What went wrong beside a call: a store that failed, a row that could not be written. */
  onError?: ((error: unknown) => void) | undefined;
  /** Epoch milliseconds. */
  now?: (() => number) | undefined;
  random?: (() => number) | undefined;
}

export interface Gateway {
  /** The gate every call goes through. Rejects with `LlmError` only. */
  handler: LlmHandler;
  /** The same, for callers without frames. */
  complete(call: LlmCall, onFrame?: (frame: LlmFrame) => void): Promise<LlmReply>;
  embed(call: EmbedCall): Promise<EmbedReply>;
  models(tenantId: string): Promise<ModelInfo[]>;
  /** Asks the account for its models: tells whether address and key are good. Rejects with `LlmError`. */
  testAccount(account: ProviderAccount, signal: AbortSignal): Promise<ProviderModel[]>;
  /** Forgets answers in both levels; of the other processes' memories only `forgetCached` there. */
  purgeCache(filter: CacheFilter): Promise<number>;
  /** Forgets answers in this process's memory: another process purged. */
  forgetCached(filter: CacheFilter): void;
  /** A budget was set or changed: the next plain call asks for it. */
  budgetsChanged(tenantId: string): void;
  /** Ends running calls as cancelled, writes what is open, closes all sockets. Safe to call twice. */
  close(): Promise<void>;
}

const DAY_MS = 86_400_000;

/** Builds the gateway. Nothing is opened before the first call. */
export function createGateway(deps: GatewayDeps): Gateway {
  const now = deps.now ?? Date.now;
  const onError = deps.onError ?? ((): void => {});
  const timeouts = { ...defaultTimeouts, ...deps.timeouts };
  const http = new HttpProvider(new HttpTransport({ connectTimeoutMs: timeouts.connectMs }));
  const prices = new PriceTable(deps.priceOverrides);
  const router = new Router({ prices, http, offline: deps.offline, now });
  const store = deps.ledgerStore ?? new MemoryLedgerStore();
  const ledger = new BlockLedger({ store, now, onError, waitMs: deps.budgetWaitMs });
  const usageWriter = new UsageWriter({ store, onError });
  const observers = [usageWriter, ...(deps.observers ?? [])];
  const secret = createSecretKey(deps.tenantSecret ?? randomBytes(32));
  const ttlMs = deps.cache?.ttlMs ?? DAY_MS;
  const memory = new MemoryCache({ maxBytes: deps.cache?.maxBytes ?? 32 * 1024 * 1024, now });
  const governor = new RateGovernor({
    windowMs: deps.rate?.windowMs ?? 60_000,
    defaultRequests: deps.rate?.defaultRequestsPerWindow ?? 50,
    store: deps.limitStore,
    now,
    onStoreError: onError,
  });
  const economy = deps.economy?.(economyParts(deps.accounts, http, store));
  const prompts = new PromptBatches({ ...deps.microBatch, governor, timeouts });

  // The order of every call, outermost first; each file begins with what it promises.
  const middleware: GatewayMiddleware[] = [
    traceMiddleware({ observers, now }),
    promptLayoutMiddleware(),
    cacheMiddleware({ memory, store: deps.cacheStore, secret, ttlMs, now, onStoreError: onError }),
    singleFlightMiddleware(),
    budgetMiddleware({ ledger }),
    rateGovernorMiddleware({ governor, observers, now }),
    retryMiddleware({ ...defaultRetry, ...deps.retry, random: deps.random ?? Math.random, now }),
    batchLaneMiddleware({ economy, prompts }),
    usageMiddleware(),
  ];
  const provider = providerHandler({ timeouts, onLimits: (candidate, limits) => governor.learn(candidate, limits) });
  const inner = middleware.reduceRight<GatewayHandler>((next, wrap) => wrap(next), provider);

  const handler: LlmHandler = (call, onFrame) => {
    const accounts = deps.accounts.list(call.context.tenantId);
    return accounts instanceof Promise
      ? accounts.then((list) => enter(inner, router, call, list, onFrame))
      : enter(inner, router, call, accounts, onFrame);
  };
  const embed = embedder({
    ...deps.microBatch,
    accounts: deps.accounts,
    router,
    governor,
    ledger,
    observers,
    timeouts,
    memory,
    store: deps.cacheStore,
    secret,
    ttlMs,
    now,
    onError,
  });
  const models = createModelLister({ accounts: deps.accounts, http, prices, offline: deps.offline, now });
  let closing: Promise<void> | null = null;

  async function close(): Promise<void> {
    governor.close();
    await economy?.close();
    prompts.flush();
    await http.close();
    await deps.offline?.close();
    await ledger.close().catch(onError);
    await usageWriter.flush();
  }

  return {
    handler,
    complete: (call, onFrame) => handler(call, onFrame ?? ignoreFrame),
    embed,
    models,
    testAccount(account, signal) {
      const client = account.kind === "offline" && deps.offline !== undefined ? deps.offline : http;
      return client.listModels(account, signal);
    },
    async purgeCache(filter) {
      const stored = (await deps.cacheStore?.purge(filter)) ?? 0;
      return Math.max(stored, memory.purge(filter));
    },
    forgetCached: (filter) => void memory.purge(filter),
    budgetsChanged: (tenantId) => ledger.budgetsChanged(tenantId),
    close() {
      closing ??= close();
      return closing;
    },
  };
}

function economyParts(accounts: AccountSource, http: HttpProvider, store: LedgerStore) {
  return {
    http,
    accountOf: async (tenantId: string, accountId: string, following: boolean) => {
      if (following && accounts.find !== undefined) return accounts.find(tenantId, accountId);
      return (await accounts.list(tenantId)).find((account) => account.id === accountId) ?? null;
    },
    book: (records: LlmCallRecord[]) => store.writeUsage(records),
  };
}

const defaultRetry = { attemptsPerCandidate: 3, baseDelayMs: 250, maxDelayMs: 8000 };

function ignoreFrame(): void {
  // The caller wants the answer only.
}

function enter(
  inner: GatewayHandler,
  router: Router,
  call: LlmCall,
  accounts: readonly ProviderAccount[],
  onFrame: (frame: LlmFrame) => void,
): Promise<LlmReply> {
  const { request, context } = call;
  let gatewayCall: GatewayCall;
  try {
    const ids = request.fallbackModels === undefined ? [request.model] : [request.model, ...request.fallbackModels];
    const candidates = router.resolve(ids, accounts);
    gatewayCall = { request, context, state: new CallState(candidates) };
  } catch (error) {
    return Promise.reject(asLlmError(error));
  }
  return inner(gatewayCall, onFrame);
}
