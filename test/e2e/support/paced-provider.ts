import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createOfflineProvider, type LlmMessage, type LlmRequest, type LlmToolCall } from "#llm";

export interface PacedProvider {
  /** Base URL for a provider account of the kind `openai_compatible`. */
  baseUrl: string;
  /** The one model it offers. */
  model: string;
  close(): Promise<void>;
}

const heldAfterWords = 4;

interface WireMessage {
  role: string;
  content?: string | { text?: string }[] | null;
  tool_call_id?: string;
  tool_calls?: { id: string; function: { name: string; arguments: string } }[];
}

/**
 * A local server that speaks OpenAI's chat wire and answers by the rules of the offline model, but slowly, so that a
 * test can look on while a squad works. The text is worked out at once and sent word by word.
 */
export async function startPacedProvider(options: {
  latencyMs: number;
  wordsPerSecond: number;
  /** What to say to a last user message; null leaves it to the offline model. */
  answer?: (message: string) => string | null;
  /** What an answer of the offline model is changed to before it is sent. */
  rewrite?: (text: string) => string;
  /** Awaited before each word from the fifth on: so long as it does not come, the text stands still and the squad waits. */
  hold?: (text: string, word: number) => Promise<void> | undefined;
}): Promise<PacedProvider> {
  const offline = createOfflineProvider({ latencyMs: 0, tokensPerSecond: null });
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500, { "content-type": "application/json" });
      response.end(JSON.stringify({ error: { message: error instanceof Error ? error.message : String(error) } }));
    });
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === "GET") {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ object: "list", data: [{ id: "paced", object: "model" }] }));
      return;
    }
    const body = JSON.parse(await readText(request)) as Record<string, unknown>;
    const reply = await offline.complete(
      {
        account: { id: "paced", tenantId: null, kind: "offline", baseUrl: "", apiKey: null, allowPrivateAddress: true },
        request: toRequest(body),
        maxOutputTokens: Number(body.max_completion_tokens ?? body.max_tokens ?? 4096),
        stream: false,
        timeouts: { connectMs: 1000, firstTokenMs: 10_000, idleMs: 10_000, totalMs: 60_000 },
        signal: AbortSignal.timeout(60_000),
      },
      () => {},
    );
    const said = options.answer?.(lastUserMessage(body)) ?? null;
    const text = said ?? options.rewrite?.(reply.text) ?? reply.text;
    const usage = {
      prompt_tokens: reply.usage.inputTokens,
      completion_tokens: reply.usage.outputTokens,
      total_tokens: reply.usage.inputTokens + reply.usage.outputTokens,
    };
    await pause(options.latencyMs);
    if (body.stream !== true) {
      response.writeHead(200, { "content-type": "application/json" });
      const message = {
        role: "assistant",
        content: text,
        ...(reply.toolCalls.length > 0 ? { tool_calls: wireCalls(reply.toolCalls) } : {}),
      };
      response.end(
        JSON.stringify({
          id: "paced",
          object: "chat.completion",
          model: "paced",
          choices: [{ index: 0, message, finish_reason: reply.finishReason }],
          usage,
        }),
      );
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    const send = (choices: unknown[], extra: Record<string, unknown> = {}) =>
      response.write(
        `data: ${JSON.stringify({ id: "paced", object: "chat.completion.chunk", model: "paced", choices, ...extra })}\n\n`,
      );
    for (const [index, word] of (text.match(/\s*\S+\s*/g) ?? []).entries()) {
      if (index >= heldAfterWords) await options.hold?.(text, index);
      if (response.destroyed) return;
      send([{ index: 0, delta: { content: word }, finish_reason: null }]);
      await pause(1000 / options.wordsPerSecond);
    }
    if (reply.toolCalls.length > 0) {
      const calls = wireCalls(reply.toolCalls).map((call, index) => ({ index, ...call }));
      send([{ index: 0, delta: { tool_calls: calls }, finish_reason: null }]);
    }
    send([{ index: 0, delta: {}, finish_reason: reply.finishReason }]);
    send([], { usage });
    response.end("data: [DONE]\n\n");
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    model: "paced",
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function lastUserMessage(body: Record<string, unknown>): string {
  const last = (body.messages as WireMessage[]).findLast((message) => message.role === "user");
  return last ? toMessage(last).content : "";
}

function wireCalls(calls: readonly LlmToolCall[]) {
  return calls.map((call) => ({
    id: call.id,
    type: "function",
    function: { name: call.name, arguments: call.arguments },
  }));
}

function toRequest(body: Record<string, unknown>): LlmRequest {
  const tools = body.tools as
    | { function: { name: string; description?: string; parameters?: Record<string, unknown> } }[]
    | undefined;
  const format = body.response_format as
    | { type: string; json_schema?: { name: string; schema: Record<string, unknown> } }
    | undefined;
  return {
    model: "offline",
    messages: (body.messages as WireMessage[]).map(toMessage),
    ...(tools
      ? {
          tools: tools.map(({ function: tool }) => ({
            name: tool.name,
            description: tool.description ?? "",
            parameters: tool.parameters ?? {},
          })),
        }
      : {}),
    ...(format?.json_schema
      ? { responseFormat: { type: "json_schema", name: format.json_schema.name, schema: format.json_schema.schema } }
      : format?.type === "json_object"
        ? { responseFormat: { type: "json_object" } }
        : {}),
  };
}

function toMessage(message: WireMessage): LlmMessage {
  const content =
    typeof message.content === "string"
      ? message.content
      : (message.content ?? []).map((part) => part.text ?? "").join("");
  if (message.role === "tool") return { role: "tool", toolCallId: message.tool_call_id ?? "", content };
  if (message.role === "assistant") {
    const calls = message.tool_calls?.map((call) => ({
      id: call.id,
      name: call.function.name,
      arguments: call.function.arguments,
    }));
    return { role: "assistant", content, ...(calls ? { toolCalls: calls } : {}) };
  }
  return { role: message.role === "user" ? "user" : "system", content };
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

/** The pace of the answer is what this server is for; nothing waits for luck here. */
function pause(milliseconds: number): Promise<void> {
  // An answer that is never waited for to its end keeps no process alive: the server does, until it is closed.
  return new Promise((resolve) => setTimeout(resolve, milliseconds).unref());
}
