import { createHash, randomUUID } from "node:crypto";
import Fastify from "fastify";
import { createGateway, type LlmFrame, type LlmRequest, MemoryLedgerStore, type ProviderAccount } from "#llm";
import { createMetrics } from "#metrics";

/*
 * The gateway with every policy on behind one route of OpenAI's format: key check, canonical key, cache, single-flight,
 * a budget, the rate governor with a limit that is counted but not reached, retry, price, usage row, Prometheus metrics.
 * The bill is kept in memory: in the product its groups go to PostgreSQL, which is another process.
 */
const [origin = ""] = process.argv.slice(2);
const keys = new Map([
  [createHash("sha256").update("mst_bench").digest("base64"), "0196f000-0000-7000-8000-000000000001"],
]);
/** As in the product: a key that was good is known by its header for a second, without a digest each time. */
const goodUntil = new Map<string, number>();
function isGood(authorization: string | undefined): boolean {
  if (authorization === undefined) return false;
  const now = performance.now();
  if ((goodUntil.get(authorization) ?? 0) > now) return true;
  if (!keys.has(createHash("sha256").update(authorization.slice(7)).digest("base64"))) return false;
  goodUntil.set(authorization, now + 1_000);
  return true;
}
const accountOf = (latency: string): ProviderAccount => ({
  id: `bench-${latency}`,
  tenantId: null,
  kind: "openai",
  baseUrl: `${origin}/${latency}/v1`,
  apiKey: "key",
  allowPrivateAddress: true,
  requestsPerMinute: 100_000_000,
  tokensPerMinute: 10_000_000_000,
});
// A user per latency, so that each has its own upstream path.
const accounts = new Map(["0", "50"].map((latency) => [latency, [accountOf(latency)]] as const));
const metrics = createMetrics({ role: "api" });
// In the product a group of rows is garbage as soon as PostgreSQL has it.
const ledger = new MemoryLedgerStore({ keepRecords: 0 });
for (const latency of accounts.keys()) ledger.setBudget("instance", latency, 1_000_000_000_000_000);
const gateway = createGateway({
  accounts: { list: (tenantId) => accounts.get(tenantId) ?? [] },
  ledgerStore: ledger,
  observers: [{ onCall: (record) => metrics.observeLlmCall(record) }],
});

interface Body {
  model: string;
  messages: LlmRequest["messages"];
  stream?: boolean;
  temperature?: number;
  max_tokens?: number;
}

const app = Fastify({ bodyLimit: 1_048_576, requestTimeout: 60_000 });

app.post<{ Params: { latency: string }; Body: Body }>("/:latency/v1/chat/completions", async (request, reply) => {
  if (!isGood(request.headers.authorization)) return reply.code(401).send({ error: { message: "key" } });
  const { body } = request;
  const abort = new AbortController();
  // Aborting makes an exception with a stack: only for those who left.
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) abort.abort();
  });
  const call = {
    request: {
      model: body.model,
      messages: body.messages,
      ...(body.temperature === undefined ? {} : { temperature: body.temperature }),
      ...(body.max_tokens === undefined ? {} : { maxOutputTokens: body.max_tokens }),
    },
    context: {
      callId: randomUUID(),
      tenantId: request.params.latency,
      squadId: null,
      executionId: null,
      memberId: null,
      lane: "interactive" as const,
      cache: "auto" as const,
      signal: abort.signal,
      deadlineMs: null,
      stream: body.stream === true,
    },
  };
  const head = { id: `chatcmpl-${call.context.callId}`, created: Math.floor(Date.now() / 1000), model: body.model };
  if (body.stream !== true) {
    const answer = await gateway.complete(call);
    reply.header("x-muster-cache", answer.cacheResult);
    const usage = { prompt_tokens: answer.usage.inputTokens, completion_tokens: answer.usage.outputTokens };
    const message = { role: "assistant", content: answer.text };
    return {
      ...head,
      object: "chat.completion",
      choices: [{ index: 0, message, finish_reason: answer.finishReason }],
      usage,
    };
  }
  reply.hijack();
  await stream(call, head, reply.raw);
  return reply;
});

type Call = Parameters<typeof gateway.complete>[0];

/** Frames of one turn of the event loop leave in one write. */
async function stream(
  call: Call,
  head: { id: string; created: number; model: string },
  raw: import("node:http").ServerResponse,
): Promise<void> {
  raw.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache, no-transform" });
  const prefix = `data: ${JSON.stringify({ ...head, object: "chat.completion.chunk" }).slice(0, -1)},"choices":[{"index":0,"delta":`;
  let waiting = `${prefix}{"role":"assistant","content":""},"finish_reason":null}]}\n\n`;
  let scheduled = false;
  const flush = (): void => {
    scheduled = false;
    if (waiting === "") return;
    raw.write(waiting);
    waiting = "";
  };
  const answer = await gateway.complete(call, (frame: LlmFrame) => {
    if (frame.type !== "text") return;
    waiting += `${prefix}{"content":${JSON.stringify(frame.text)}},"finish_reason":null}]}\n\n`;
    if (scheduled) return;
    scheduled = true;
    queueMicrotask(flush);
  });
  const usage = { prompt_tokens: answer.usage.inputTokens, completion_tokens: answer.usage.outputTokens };
  waiting += `${prefix}{},"finish_reason":"${answer.finishReason}"}]}\n\n`;
  waiting += `data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", choices: [], usage })}\n\ndata: [DONE]\n\n`;
  raw.end(waiting);
}

app.get("/cpu", () => process.cpuUsage());
process.on("SIGINT", () => process.exit(0));
await app.listen({ port: 0, host: "127.0.0.1" });
process.send?.({ port: (app.server.address() as { port: number }).port });
