import type { LlmHandler } from "#llm";
import { finishGenAiSpan, genAiRequestAttributes, type Tracer } from "#metrics";

/** The gateway with one client span per call; without an endpoint for traces it is the gateway itself. */
export function traceCalls(handler: LlmHandler, tracer: Tracer): LlmHandler {
  if (!tracer.enabled) return handler;
  return async (call, onFrame) => {
    const { request, context } = call;
    const span = tracer.start(`chat ${request.model}`, {
      kind: "client",
      attributes: genAiRequestAttributes({
        provider: request.model.includes("/") ? request.model.slice(0, request.model.indexOf("/")) : "unknown",
        model: request.model,
        maxOutputTokens: request.maxOutputTokens,
        temperature: request.temperature,
        executionId: context.executionId,
      }),
    });
    try {
      const reply = await handler(call, onFrame);
      span.set({ "gen_ai.provider.name": reply.provider });
      finishGenAiSpan(span, reply);
      return reply;
    } catch (error) {
      span.fail(error);
      span.end();
      throw error;
    }
  };
}
