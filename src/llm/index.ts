export { createEconomyLane, type EconomyLane, type EconomyLaneOptions } from "./economy/economy-lane.ts";
export type { EconomyStore } from "./economy/economy-store.ts";
export { postgresEconomyStore } from "./economy/postgres-economy-store.ts";
export type { EmbedCall, EmbedReply } from "./embeddings.ts";
export { asLlmError, describe, LlmError, type LlmErrorKind, llmErrorKinds, toAppError } from "./errors.ts";
export { type AccountSource, createGateway, type Gateway, type GatewayDeps } from "./gateway.ts";
export type { GatewayLedger } from "./ledger/block-ledger.ts";
export type { BlockOutcome, BudgetScope, LedgerStore } from "./ledger/ledger-store.ts";
export { MemoryLedgerStore } from "./ledger/memory-ledger-store.ts";
export { createOfflineProvider, type OfflineOptions } from "./offline/offline-provider.ts";
export { createGuardedConnector, isPublicAddress } from "./providers/address-guard.ts";
export {
  defaultTimeouts,
  type PriceOverride,
  type ProviderAccount,
  type ProviderAnswer,
  type ProviderCall,
  type ProviderClient,
  type ProviderEmbeddingAnswer,
  type ProviderEmbeddingCall,
  type ProviderLimits,
  type ProviderModel,
  type ProviderTimeouts,
} from "./providers/provider.ts";
export type { LimitLease, LimitStore } from "./rate/leased-quota.ts";
export type { LlmCallRecord, LlmObserver } from "./records.ts";
export type { CachedAnswer, CacheFilter, CacheStore, CacheTags } from "./stores/cache-store.ts";
export { postgresCacheStore } from "./stores/postgres-cache.ts";
export { postgresDeferredLedger } from "./stores/postgres-deferred-ledger.ts";
export { postgresLedgerStore } from "./stores/postgres-ledger.ts";
export { postgresLimitStore } from "./stores/postgres-limits.ts";
export type { Query } from "./stores/query.ts";
export { redisCacheStore } from "./stores/redis-cache.ts";
export { expectedTokens, requestTokens } from "./tokens.ts";
export * from "./types.ts";
