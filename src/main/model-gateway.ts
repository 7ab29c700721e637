import { hkdfSync } from "node:crypto";
import type { Redis } from "ioredis";
import type { Config } from "#config";
import type { Database, Listener, Notifier } from "#db";
import type { ModelGateway } from "#http";
import {
  type CacheFilter,
  createEconomyLane,
  createGateway,
  createOfflineProvider,
  type LedgerStore,
  type LlmCallRecord,
  postgresCacheStore,
  postgresEconomyStore,
  postgresLedgerStore,
  postgresLimitStore,
  redisCacheStore,
} from "#llm";
import type { Logger, Metrics, Tracer } from "#metrics";
import { startDeferredCalls } from "./deferred-call-runner.ts";
import { namedQuery } from "./named-query.ts";
import { type ProviderSources, toLlmAccount } from "./provider-sources.ts";
import type { BilledScope } from "./shared-answers.ts";
import { traceCalls } from "./traced-gateway.ts";

/** Channel on which processes tell each other which of a user's cached answers to forget. */
const cacheChannel = "muster_llm_cache";

/** What new members are given when nobody chooses, by what is configured; the first that is available. */
const preferredModels = ["gpt-5-mini", "claude-sonnet-4-5", "gemini-2.5-flash"];

/** The gateway on this installation's accounts, database and metrics; closed with the rest through `closers`. */
export async function createModelGateway(options: {
  config: Config;
  db: Database;
  /** Second level of the cache when there is one; PostgreSQL otherwise. */
  redis: Redis | null;
  sources: ProviderSources;
  metrics: Metrics;
  tracer: Tracer;
  logger: Logger;
  installationKey: Buffer;
  /** This process lasts: it goes on with deferred calls that others left. */
  keepsHouse: boolean;
  listener: Listener;
  notifier: Notifier;
  closers: (() => Promise<unknown>)[];
  /** Bills were written. */
  onBilled: (bills: readonly BilledScope[]) => void;
  /** Money of budgets was reserved, spent or given back. */
  onBudgeted: (scope: BilledScope) => void;
  /** Epoch milliseconds. */
  now: () => number;
}): Promise<ModelGateway & { budgetsChanged(userId: string): void }> {
  const { sources, metrics, logger, tracer, redis } = options;
  const query = namedQuery(options.db);
  const ledger = tellingLedgerStore(postgresLedgerStore(query), options);
  const gateway = createGateway({
    accounts: { list: sources.accountsOf, find: sources.findAccount },
    tenantSecret: Buffer.from(hkdfSync("sha256", options.installationKey, "muster", "llm cache", 32)),
    cacheStore: redis ? redisCacheStore(redis) : postgresCacheStore(query),
    // Never Redis: when it dies its windows are gone, and the quota of the minute with them (ADR 0013).
    limitStore: postgresLimitStore(query),
    ledgerStore: ledger,
    economy: (parts) => {
      const lane = createEconomyLane({
        ...parts,
        store: postgresEconomyStore(query),
        now: options.now,
        onError: (error) => logger.warn({ err: error }, "a provider batch met a fault; its calls go on or go live"),
      });
      if (options.keepsHouse) lane.start();
      return lane;
    },
    microBatch: options.config.microBatch,
    offline: createOfflineProvider({ latencyMs: 0, tokensPerSecond: null }),
    now: options.now,
    observers: [{ onCall: (record) => observe(metrics, record) }],
    onError: (error) => logger.warn({ err: error }, "the gateway met a fault beside a call"),
  });
  options.closers.push(() => gateway.close());
  if (options.keepsHouse) {
    const deferred = startDeferredCalls({
      db: options.db,
      query,
      call: gateway.handler,
      onBilled: (userId) => options.onBilled([{ userId, squadId: null }]),
      onError: (error) => logger.warn({ err: error }, "a deferred call met a fault; it is taken up again"),
    });
    options.closers.push(() => deferred.close());
  }
  options.listener.on(cacheChannel, (filter) => gateway.forgetCached(JSON.parse(filter) as CacheFilter));

  async function defaultModel(userId: string): Promise<string> {
    const available = (await gateway.models(userId)).filter((model) => model.available);
    for (const name of preferredModels) {
      const found = available.find((model) => model.id === name || model.id.endsWith(`/${name}`));
      if (found) return found.id;
    }
    return available.find((model) => model.provider !== "offline")?.id ?? "muster/offline";
  }

  return {
    call: traceCalls(gateway.handler, tracer),
    embed: (request, context) => gateway.embed({ ...request, context }),
    listModels: (userId) => gateway.models(userId),
    defaultModel,
    purgeCache: async (filter) => {
      const purged = await gateway.purgeCache(filter);
      options.notifier.notify(cacheChannel, JSON.stringify(filter));
      return purged;
    },
    budgetsChanged: (userId) => gateway.budgetsChanged(userId),
    testAccount: (account, signal) => gateway.testAccount(toLlmAccount(account), signal),
  };
}

/** Tells at each write what it made old: when money is reserved, when that is booked, and when the bill is written. */
function tellingLedgerStore(
  store: LedgerStore,
  { onBilled, onBudgeted }: { onBilled: (bills: BilledScope[]) => void; onBudgeted: (scope: BilledScope) => void },
): LedgerStore {
  /** Whose the open blocks are. */
  const scopes = new Map<string, BilledScope>();
  const toScope = ({ tenantId, squadId }: { tenantId: string; squadId: string | null }) => ({
    userId: tenantId,
    squadId,
  });
  return {
    async leaseBlock(scope, least, wanted) {
      const outcome = await store.leaseBlock(scope, least, wanted);
      if (outcome.outcome === "granted") {
        scopes.set(outcome.blockId, toScope(scope));
        onBudgeted(toScope(scope));
      }
      return outcome;
    },
    async settleBlock(blockId, spentNanoUsd, close) {
      await store.settleBlock(blockId, spentNanoUsd, close);
      const scope = scopes.get(blockId);
      if (close) scopes.delete(blockId);
      if (scope) onBudgeted(scope);
    },
    async writeUsage(records) {
      await store.writeUsage(records);
      onBilled(records.map(toScope));
    },
  };
}

function observe(metrics: Metrics, record: LlmCallRecord): void {
  metrics.observeLlmCall({
    provider: record.provider,
    model: record.model,
    squadId: record.squadId,
    durationMs: record.durationMs,
    timeToFirstTokenMs: record.timeToFirstTokenMs,
    rateWaitMs: record.rateWaitMs,
    usage: record.usage,
    costNanoUsd: record.costNanoUsd,
    addedMs: record.addedMs,
  });
  metrics.observeCache("llm", record.cacheResult);
}
