export type {
  ProviderAccount,
  ProviderAnswer,
  ProviderCall,
  ProviderClient,
  ProviderLimits,
  ProviderModel,
  ProviderTimeouts,
} from "./providers/provider.ts";
export * from "./types.ts";
