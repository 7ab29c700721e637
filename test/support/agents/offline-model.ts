import { createOfflineProvider, type LlmFrame } from "#llm";
import type { ScriptedModel } from "./memory-runtime.ts";

const account = {
  id: "offline",
  tenantId: null,
  kind: "offline",
  baseUrl: "",
  apiKey: null,
  allowPrivateAddress: false,
} as const;
const timeouts = { connectMs: 1_000, firstTokenMs: 1_000, idleMs: 1_000, totalMs: 10_000 };

/** The real offline model as the model of a memory runtime; `onFrame` sees its stream. */
export function offlineModel(onFrame: (frame: LlmFrame) => void = () => {}): ScriptedModel {
  const provider = createOfflineProvider({ latencyMs: 0, tokensPerSecond: null });
  return ({ request }) => {
    const maxOutputTokens = request.maxOutputTokens ?? 8_000;
    const { signal } = new AbortController();
    return provider.complete({ account, request, maxOutputTokens, stream: true, timeouts, signal }, onFrame);
  };
}
