import { randomBytes } from "node:crypto";
import type { CallContext } from "../call-context.ts";

/** Values are written as they are: put nothing secret and no prompt text here. */
export type SpanAttributes = Record<string, string | number | boolean | readonly string[] | null | undefined>;

export type SpanKind = "internal" | "server" | "client" | "producer" | "consumer";

/** A piece of work in a trace. All methods may be called after `end` and then do nothing. */
export interface Span {
  /** W3C Trace Context header of this span (https://www.w3.org/TR/trace-context/), to be sent or stored. */
  readonly traceparent: string;
  set(attributes: SpanAttributes): void;
  /** The work failed; the message goes into the trace, the stack does not. */
  fail(error: unknown): void;
  end(): void;
}

export interface StartSpan {
  kind?: SpanKind;
  attributes?: SpanAttributes;
  /** The span above, as a `traceparent`; the surrounding span when absent. An unreadable one starts a new trace. */
  parent?: string | null | undefined;
}

export interface Tracer {
  /** False when no endpoint is configured: then spans cost nothing and go nowhere. */
  readonly enabled: boolean;
  start(name: string, options?: StartSpan): Span;
  /** Runs `work` inside a new span, which ends with it; spans started in `work` hang below. */
  trace<Result>(name: string, options: StartSpan, work: (span: Span) => Promise<Result>): Promise<Result>;
  /** `traceparent` of the surrounding span, to put into a job or a header; null when there is none. */
  traceparent(): string | null;
  /** Sends what is left. May be called again. */
  close(): Promise<void>;
}

export interface TracerOptions {
  /** Of a collector that speaks OTLP over HTTP, without `/v1/traces`; null switches traces off. */
  endpoint: string | null;
  /** Becomes the resource attribute `muster.role`. */
  role: string;
  version?: string | undefined;
  context: CallContext;
  /** Told when traces could not be sent; they are then dropped. */
  onError?: ((error: Error) => void) | undefined;
}

/** A finished span as the exporter takes it. Times are epoch nanoseconds. */
export interface FinishedSpan {
  traceId: string;
  spanId: string;
  parentSpanId: string | null;
  name: string;
  kind: SpanKind;
  startNs: bigint;
  endNs: bigint;
  attributes: SpanAttributes;
  error: string | null;
}

const traceparentPattern = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

const silentSpan: Span = { traceparent: "", set: () => undefined, fail: () => undefined, end: () => undefined };

const silentTracer: Tracer = {
  enabled: false,
  start: () => silentSpan,
  trace: (_name, _options, work) => work(silentSpan),
  traceparent: () => null,
  close: () => Promise.resolve(),
};

/** A tracer that sends to the endpoint, or one that does nothing. The exporter is loaded only when it is needed. */
export async function createTracer(options: TracerOptions): Promise<Tracer> {
  if (options.endpoint === null) return silentTracer;
  const { createOtlpExporter } = await import("./otlp-exporter.ts");
  const exporter = createOtlpExporter({
    endpoint: options.endpoint,
    resource: {
      "service.name": "muster",
      "service.version": options.version,
      "service.instance.id": String(process.pid),
      "muster.role": options.role,
    },
    onError: options.onError,
  });
  return activeTracer(options.context, exporter);
}

function activeTracer(
  context: CallContext,
  exporter: { add(span: FinishedSpan): void; close(): Promise<void> },
): Tracer {
  const start = (name: string, options: StartSpan = {}): Span => {
    const parent = options.parent === undefined ? context.get().span?.traceparent : options.parent;
    return startSpan(name, options, parent ?? null, exporter.add);
  };
  return {
    enabled: true,
    start,
    trace: async (name, options, work) => {
      const span = start(name, options);
      try {
        return await context.run({ span }, () => work(span));
      } catch (error) {
        span.fail(error);
        throw error;
      } finally {
        span.end();
      }
    },
    traceparent: () => context.get().span?.traceparent ?? null,
    close: () => exporter.close(),
  };
}

/** Monotonic time moved to the epoch, so that spans of one process are ordered to the microsecond. */
function nowNs(): bigint {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
}

function startSpan(name: string, options: StartSpan, parent: string | null, onEnd: (span: FinishedSpan) => void): Span {
  const above = parent === null ? null : traceparentPattern.exec(parent);
  const traceId = above?.[1] ?? randomBytes(16).toString("hex");
  const spanId = randomBytes(8).toString("hex");
  // The sampled flag of a caller is respected: an unsampled request stays out of the trace store.
  const flags = above?.[3] ?? "01";
  const sampled = (Number.parseInt(flags, 16) & 1) === 1;
  const startNs = nowNs();
  let attributes: SpanAttributes = { ...options.attributes };
  let error: string | null = null;
  let ended = false;
  return {
    traceparent: `00-${traceId}-${spanId}-${flags}`,
    set: (more) => {
      if (!ended) attributes = { ...attributes, ...more };
    },
    fail: (cause) => {
      if (!ended) error = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    },
    end: () => {
      if (ended) return;
      ended = true;
      if (!sampled) return;
      const parentSpanId = above?.[2] ?? null;
      const kind = options.kind ?? "internal";
      onEnd({ traceId, spanId, parentSpanId, name, kind, startNs, endNs: nowNs(), attributes, error });
    },
  };
}
