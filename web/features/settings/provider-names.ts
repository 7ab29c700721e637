import type { ProviderKind } from "#contracts";

/** Providers as they call themselves. */
export const providerNames: Record<ProviderKind, string> = {
  openai: "OpenAI",
  anthropic: "Anthropic",
  google: "Google",
  ollama: "Ollama",
  openai_compatible: "OpenAI-compatible",
  offline: "Offline model",
};
