import type { FinishedSpan, SpanAttributes, SpanKind } from "./tracer.ts";

export interface OtlpExporterOptions {
  endpoint: string;
  resource: SpanAttributes;
  onError?: ((error: Error) => void) | undefined;
}

const batchSpans = 512;
const maxWaitingSpans = 4096;
const flushMs = 2_000;
const sendTimeoutMs = 10_000;

/** Numbers of `opentelemetry.proto.trace.v1.Span.SpanKind`. */
const kinds: Record<SpanKind, number> = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 };
const statusError = 2;

type AnyValue =
  | { stringValue: string }
  | { intValue: string }
  | { doubleValue: number }
  | { boolValue: boolean }
  | { arrayValue: { values: AnyValue[] } };

function anyValue(value: string | number | boolean | readonly string[]): AnyValue {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value === "number") return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  return { arrayValue: { values: value.map((item) => ({ stringValue: item })) } };
}

function keyValues(attributes: SpanAttributes): { key: string; value: AnyValue }[] {
  return Object.entries(attributes).flatMap(([key, value]) =>
    value === null || value === undefined ? [] : [{ key, value: anyValue(value) }],
  );
}

/** JSON encoding of OTLP: ids in hex, 64-bit integers as text (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding). */
export function encodeSpans(resource: SpanAttributes, spans: readonly FinishedSpan[]): string {
  const encoded = spans.map((span) => ({
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.parentSpanId === null ? {} : { parentSpanId: span.parentSpanId }),
    name: span.name,
    kind: kinds[span.kind],
    startTimeUnixNano: String(span.startNs),
    endTimeUnixNano: String(span.endNs),
    attributes: keyValues(span.attributes),
    ...(span.error === null ? {} : { status: { code: statusError, message: span.error } }),
  }));
  return JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: keyValues(resource) },
        scopeSpans: [{ scope: { name: "muster" }, spans: encoded }],
      },
    ],
  });
}

/**
 * Sends spans in batches. Traces are a help, not data: when the collector is slow or away, spans past the bound are
 * dropped and the work goes on.
 */
export function createOtlpExporter(options: OtlpExporterOptions) {
  const address = `${options.endpoint.replace(/\/+$/, "")}/v1/traces`;
  let waiting: FinishedSpan[] = [];
  let timer: NodeJS.Timeout | undefined;
  let sending: Promise<void> | undefined;

  const send = async (spans: readonly FinishedSpan[]): Promise<void> => {
    try {
      const response = await fetch(address, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: encodeSpans(options.resource, spans),
        signal: AbortSignal.timeout(sendTimeoutMs),
      });
      await response.body?.cancel();
      if (!response.ok) throw new Error(`The trace collector answered ${response.status}`);
    } catch (error) {
      options.onError?.(new Error(`${spans.length} spans were not sent`, { cause: error }));
    }
  };
  const drain = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, batchSpans);
      waiting = waiting.slice(batchSpans);
      await send(batch);
    }
  };
  const flush = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    sending ??= drain().finally(() => {
      sending = undefined;
    });
    return sending;
  };
  return {
    add(span: FinishedSpan): void {
      if (waiting.length >= maxWaitingSpans) return;
      waiting.push(span);
      if (waiting.length >= batchSpans) void flush();
      else timer ??= setTimeout(() => void flush(), flushMs).unref();
    },
    async close(): Promise<void> {
      // A span may be added while the last batch is on its way.
      do await flush();
      while (waiting.length > 0);
    },
  };
}
