export { type CallContext, type CallContextValues, createCallContext } from "./call-context.ts";
export { type MetricDefinition, type MetricName, metricDefinitions } from "./definitions.ts";
export type { LiveState } from "./live-figures.ts";
export { createLogger, type Logger, type LoggerOptions } from "./logger.ts";
export { mergeSnapshots } from "./merge.ts";
export {
  createMetrics,
  type Metrics,
  type MetricsOptions,
  type MetricsSnapshot,
  type ObservedLlmCall,
  type ObservedUsage,
} from "./metrics.ts";
export { type LiveTarget, liveTargets } from "./performance-targets.ts";
export { finishGenAiSpan, type GenAiCall, genAiRequestAttributes } from "./traces/gen-ai.ts";
export { createTracer, type Span, type SpanAttributes, type SpanKind, type Tracer } from "./traces/tracer.ts";
