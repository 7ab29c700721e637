export { asLlmError, describe, LlmError, type LlmErrorKind, llmErrorKinds, toAppError } from "./errors.ts";
export { createOfflineProvider, type OfflineOptions } from "./offline/offline-provider.ts";
export { createGuardedConnector, isPublicAddress } from "./providers/address-guard.ts";
export type {
  ProviderAccount,
  ProviderAnswer,
  ProviderCall,
  ProviderClient,
  ProviderEmbeddingAnswer,
  ProviderEmbeddingCall,
  ProviderLimits,
  ProviderModel,
  ProviderTimeouts,
} from "./providers/provider.ts";
export { expectedTokens, requestTokens } from "./tokens.ts";
export * from "./types.ts";
