import type { LlmFrame } from "#llm";
import { createOfflineProvider } from "../../../src/llm/offline/offline-provider.ts";
import { defaultTimeouts } from "../../../src/llm/providers/provider.ts";
import type { ScriptedModel } from "./memory-runtime.ts";

/** The real offline model as the model of a memory runtime; `onFrame` sees its stream. */
export function offlineModel(onFrame: (frame: LlmFrame) => void = () => {}): ScriptedModel {
  const provider = createOfflineProvider({ latencyMs: 0, tokensPerSecond: null });
  const account = {
    id: "offline",
    tenantId: null,
    kind: "offline",
    baseUrl: "",
    apiKey: null,
    allowPrivateAddress: false,
  } as const;
  return ({ request }) =>
    provider.complete(
      {
        account,
        request,
        maxOutputTokens: request.maxOutputTokens ?? 8_000,
        stream: true,
        timeouts: defaultTimeouts,
        signal: new AbortController().signal,
      },
      onFrame,
    );
}
