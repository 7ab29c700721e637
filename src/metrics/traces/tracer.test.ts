import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { createCallContext, createTracer, finishGenAiSpan, genAiRequestAttributes } from "#metrics";

interface SentSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: { key: string; value: Record<string, unknown> }[];
  status?: { code: number; message: string };
}

/** A collector on the loopback that keeps what it was sent. */
async function startCollector(status = 200): Promise<{ server: Server; endpoint: string; spans: SentSpan[] }> {
  const spans: SentSpan[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      assert.equal(request.url, "/v1/traces");
      const body = JSON.parse(Buffer.concat(chunks).toString()) as {
        resourceSpans: { scopeSpans: { spans: SentSpan[] }[] }[];
      };
      spans.push(...body.resourceSpans.flatMap((r) => r.scopeSpans.flatMap((s) => s.spans)));
      response.writeHead(status).end("{}");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, spans };
}

const usage = { inputTokens: 10, cacheReadTokens: 4, cacheWriteTokens: 0, outputTokens: 7, reasoningTokens: 0 };

test("one trace from the request over the job to the LLM call, in OTLP", async (t) => {
  const { server, endpoint, spans } = await startCollector();
  t.after(() => server.close());
  const context = createCallContext();
  const tracer = await createTracer({ endpoint, role: "all", context });
  let inJob: string | null = null;
  await tracer.trace("POST /api/v1/tasks/:taskId/executions", { kind: "server", parent: null }, async () => {
    inJob = tracer.traceparent();
  });
  assert.match(String(inJob), /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  await assert.rejects(
    tracer.trace("execution", { kind: "consumer", parent: inJob }, async () => {
      const call = { provider: "google", model: "gemini-x", maxOutputTokens: 100 };
      const span = tracer.start(`chat ${call.model}`, { kind: "client", attributes: genAiRequestAttributes(call) });
      finishGenAiSpan(span, {
        model: "gemini-x-001",
        finishReason: "stop",
        usage,
        timeToFirstTokenMs: 1.5,
        cacheResult: "miss",
      });
      throw new TypeError("broken");
    }),
  );
  await tracer.close();
  const [http, chat, execution] = spans;
  assert.equal(spans.length, 3);
  assert.equal(new Set(spans.map((span) => span.traceId)).size, 1);
  assert.equal(http?.parentSpanId, undefined);
  assert.equal(execution?.parentSpanId, http?.spanId);
  assert.equal(chat?.parentSpanId, execution?.spanId);
  assert.deepEqual([http?.kind, execution?.kind, chat?.kind], [2, 5, 3]);
  assert.deepEqual(execution?.status, { code: 2, message: "TypeError: broken" });
  assert.ok(BigInt(execution?.startTimeUnixNano ?? 0) <= BigInt(chat?.startTimeUnixNano ?? 0));
  const attributes = Object.fromEntries((chat?.attributes ?? []).map(({ key, value }) => [key, value]));
  assert.deepEqual(attributes["gen_ai.provider.name"], { stringValue: "gcp.gemini" });
  assert.deepEqual(attributes["gen_ai.usage.input_tokens"], { intValue: "10" });
  assert.deepEqual(attributes["gen_ai.response.finish_reasons"], {
    arrayValue: { values: [{ stringValue: "stop" }] },
  });
  assert.deepEqual(attributes["muster.time_to_first_token_ms"], { doubleValue: 1.5 });
});

test("a caller's unsampled trace is carried on but not sent; an unreadable parent starts a new one", async (t) => {
  const { server, endpoint, spans } = await startCollector();
  t.after(() => server.close());
  const tracer = await createTracer({ endpoint, role: "api", context: createCallContext() });
  const quiet = tracer.start("quiet", { parent: `00-${"a".repeat(32)}-${"b".repeat(16)}-00` });
  assert.match(quiet.traceparent, /^00-a{32}-[0-9a-f]{16}-00$/);
  quiet.end();
  tracer.start("fresh", { parent: "nonsense" }).end();
  await tracer.close();
  assert.deepEqual(
    spans.map((span) => [span.name, span.parentSpanId]),
    [["fresh", undefined]],
  );
});

test("a refusing collector is reported and harms nothing", async (t) => {
  const { server, endpoint } = await startCollector(503);
  t.after(() => server.close());
  const errors: Error[] = [];
  const tracer = await createTracer({
    endpoint,
    role: "all",
    context: createCallContext(),
    onError: (error) => errors.push(error),
  });
  tracer.start("x").end();
  await tracer.close();
  assert.equal(errors[0]?.message, "1 spans were not sent");
});

test("without an endpoint a span is nothing", async () => {
  const tracer = await createTracer({ endpoint: null, role: "all", context: createCallContext() });
  assert.equal(tracer.enabled, false);
  assert.equal(await tracer.trace("x", {}, () => Promise.resolve(7)), 7);
  assert.equal(tracer.traceparent(), null);
});
