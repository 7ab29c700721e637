import type { ProviderKind } from "./closed-sets.ts";

/** A provider whose address is known. */
export interface ProviderPreset {
  slug: string;
  name: string;
  kind: ProviderKind;
  /** As an account takes it: with the version for OpenAI-compatible servers, without it for Anthropic. */
  baseUrl: string;
  needsKey: boolean;
  /** On the user's own machine or network: the owner must allow private addresses. */
  isLocal: boolean;
}

const preset = (slug: string, name: string, kind: ProviderKind, baseUrl: string, isLocal = false): ProviderPreset => ({
  slug,
  name,
  kind,
  baseUrl,
  needsKey: !isLocal,
  isLocal,
});

/** Addresses from the providers' documentation of their OpenAI-compatible (or own) endpoints; local servers on their usual ports. */
export const providerPresets: readonly ProviderPreset[] = [
  preset("openai", "OpenAI", "openai", "https://api.openai.com/v1"),
  preset("anthropic", "Anthropic", "anthropic", "https://api.anthropic.com"),
  preset("google", "Google Gemini", "google", "https://generativelanguage.googleapis.com/v1beta/openai"),
  preset("ollama", "Ollama", "ollama", "http://127.0.0.1:11434/v1", true),
  preset("groq", "Groq", "openai_compatible", "https://api.groq.com/openai/v1"),
  preset("mistral", "Mistral", "openai_compatible", "https://api.mistral.ai/v1"),
  preset("deepseek", "DeepSeek", "openai_compatible", "https://api.deepseek.com/v1"),
  preset("openrouter", "OpenRouter", "openai_compatible", "https://openrouter.ai/api/v1"),
  preset("lm-studio", "LM Studio", "openai_compatible", "http://127.0.0.1:1234/v1", true),
  preset("llama-cpp", "llama.cpp", "openai_compatible", "http://127.0.0.1:8080/v1", true),
  preset("vllm", "vLLM", "openai_compatible", "http://127.0.0.1:8000/v1", true),
];
