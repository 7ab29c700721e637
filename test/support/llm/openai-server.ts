import type { ServerResponse } from "node:http";
import { argumentPieces, pieces, type ScriptedAnswer } from "./answers.ts";
import { jsonPieces, spelt } from "./json-pieces.ts";
import { createOpenAiBatches } from "./openai-batches.ts";
import { type ChatBody, callId, chatCompletion, finishReason, usageOf } from "./openai-completion.ts";
import {
  type PreparedAnswer,
  type RecordedRequest,
  type StreamPiece,
  startWireServer,
  type WireFormat,
  type WireServer,
  type WireServerOptions,
} from "./wire-server.ts";

/*
 * A local server of OpenAI's chat completions, embeddings, models, files and batches, as documented at
 * https://platform.openai.com/docs/api-reference (field order and chunk sequence as the real API sends them).
 */

function streamOf(body: ChatBody, answer: ScriptedAnswer, head: object, usage: object | null): StreamPiece[] {
  const withUsage = body.stream_options?.include_usage === true;
  const parts: StreamPiece[] = [];
  const push = (delta: object, finish: string | null, tokens: number): void => {
    const choice = { index: 0, delta, logprobs: null, finish_reason: finish };
    const chunk = { ...head, choices: [choice], ...(withUsage ? { usage: null } : {}) };
    parts.push({ bytes: `data: ${JSON.stringify(chunk)}\n\n`, tokens });
  };
  push({ role: "assistant", content: (answer.toolCalls?.length ?? 0) > 0 ? null : "", refusal: null }, null, 0);
  for (const text of pieces(answer.reasoning ?? "")) push({ reasoning_content: text }, null, 1);
  for (const text of pieces(answer.text ?? "")) push({ content: text }, null, 1);
  for (const [index, call] of (answer.toolCalls ?? []).entries()) {
    const opening = {
      index,
      id: callId(index, answer),
      type: "function",
      function: { name: call.name, arguments: "" },
    };
    push({ tool_calls: [opening] }, null, 1);
    for (const text of argumentPieces(call.arguments))
      push({ tool_calls: [{ index, function: { arguments: text } }] }, null, 1);
  }
  push({}, finishReason(answer), 0);
  if (withUsage && usage !== null) {
    parts.push({ bytes: `data: ${JSON.stringify({ ...head, choices: [], usage })}\n\n`, tokens: 0, reports: "all" });
  }
  return parts;
}

/** The answer's tokens in the order in which a body has them. */
function spokenIn(answer: ScriptedAnswer): string[][] {
  const texts = [pieces(answer.text ?? ""), pieces(answer.reasoning ?? "")];
  for (const call of answer.toolCalls ?? []) texts.push([call.name], argumentPieces(call.arguments));
  return texts.map(spelt);
}

function embeddingOf(text: string, dimensions: number): number[] {
  return Array.from(
    { length: dimensions },
    (_, index) => ((text.charCodeAt(index % Math.max(1, text.length)) || 0) % 97) / 97,
  );
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}

function createFormat(): WireFormat {
  const batches = createOpenAiBatches();
  const format: WireFormat = {
    answerPath: "/v1/chat/completions",
    prepare(rawBody, answer, requestIndex, options, noUsage): PreparedAnswer {
      const body = rawBody as ChatBody;
      const model = answer.model ?? String(body.model);
      const usage = usageOf(answer, body, options);
      const head = {
        id: `chatcmpl-${requestIndex}`,
        object: "chat.completion.chunk",
        created: 1_790_000_000,
        model,
        service_tier: "default",
        system_fingerprint: "fp_test",
      };
      const json = chatCompletion(body, answer, requestIndex, options);
      if (noUsage) delete json.usage;
      return {
        stream:
          body.stream === true
            ? { pieces: streamOf(body, answer, head, noUsage ? null : usage), terminal: "data: [DONE]\n\n" }
            : null,
        json: jsonPieces(JSON.stringify(json), spokenIn(answer), json.usage as object | undefined),
        bill: {
          model,
          inputTokens: usage.prompt_tokens,
          cachedTokens: usage.prompt_tokens_details.cached_tokens,
          cacheWriteTokens: 0,
          outputTokens: usage.completion_tokens,
        },
      };
    },
    refuse(request, options) {
      if (options.apiKey !== undefined && request.headers.authorization !== `Bearer ${options.apiKey}`) {
        return {
          status: 401,
          type: "invalid_request_error",
          code: "invalid_api_key",
          message: "Incorrect API key provided",
        };
      }
      const body = request.body as ChatBody;
      if (typeof body !== "object" || !Array.isArray(body.messages) || body.messages.length === 0) {
        return { status: 400, type: "invalid_request_error", message: "'messages' is a required property" };
      }
      if (options.models !== undefined && !options.models.includes(String(body.model))) {
        const message = `The model \`${body.model}\` does not exist or you do not have access to it.`;
        return { status: 404, type: "invalid_request_error", code: "model_not_found", message };
      }
      return null;
    },
    error: (_status, type, code, message) =>
      JSON.stringify({ error: { message, type: type ?? "server_error", param: null, code: code ?? null } }),
    errorEvent: (type, message) => `data: ${JSON.stringify({ error: { message, type, param: null, code: null } })}\n\n`,
    async other(request, response, server) {
      const path = request.path.split("?")[0];
      if (path === "/v1/models" && request.method === "GET") {
        const { apiKey, models = ["test-model"] } = server.options;
        if (apiKey !== undefined && request.headers.authorization !== `Bearer ${apiKey}`) {
          response.writeHead(401, { "content-type": "application/json" });
          response.end(format.error(401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided"));
          return true;
        }
        sendJson(response, {
          object: "list",
          data: models.map((id) => ({ id, object: "model", created: 1_790_000_000, owned_by: "test" })),
        });
        return true;
      }
      if (path === "/v1/embeddings" && request.method === "POST") return embed(request, response, server);
      if (path === "/v1/completions" && request.method === "POST") return complete(request, response, server);
      return batches.handle(request, response, server);
    },
  };
  return format;
}

/** An input of the text "FAIL" fails the whole request, as one bad input does at OpenAI. */
function embed(
  request: RecordedRequest,
  response: ServerResponse,
  server: Parameters<WireFormat["other"]>[2],
): boolean {
  const body = request.body as ChatBody & { dimensions?: number; encoding_format?: string };
  const inputs = Array.isArray(body.input) ? body.input : [body.input ?? ""];
  if (inputs.includes("FAIL")) {
    response.writeHead(400, { "content-type": "application/json" });
    response.end(
      JSON.stringify({
        error: { message: "An input is invalid", type: "invalid_request_error", param: "input", code: null },
      }),
    );
    return true;
  }
  const prompt = inputs.reduce((sum, text) => sum + pieces(text).length, 0);
  const data = inputs.map((text, index) => {
    const vector = embeddingOf(text, body.dimensions ?? 8);
    const embedding =
      body.encoding_format === "base64" ? Buffer.from(new Float32Array(vector).buffer).toString("base64") : vector;
    return { object: "embedding", index, embedding };
  });
  server.ledger.push({
    requestIndex: server.ledger.length,
    model: String(body.model),
    inputTokens: prompt,
    cachedTokens: 0,
    cacheWriteTokens: 0,
    outputTokens: 0,
    outcome: "complete",
    reported: true,
  });
  sendJson(response, {
    object: "list",
    data,
    model: body.model,
    usage: { prompt_tokens: prompt, total_tokens: prompt },
  });
  return true;
}

/**
 * Text completions: choices in any order, by index. A prompt "FAIL" fails the whole request, as one bad prompt does;
 * a prompt "SKIP" is left out of the answer.
 */
function complete(
  request: RecordedRequest,
  response: ServerResponse,
  server: Parameters<WireFormat["other"]>[2],
): boolean {
  const body = request.body as ChatBody;
  const prompts = [body.prompt ?? ""].flat();
  if (prompts.includes("FAIL")) {
    response.writeHead(400, { "content-type": "application/json" });
    const error = { message: "A prompt is invalid", type: "invalid_request_error", param: "prompt", code: null };
    response.end(JSON.stringify({ error }));
    return true;
  }
  const texts = prompts.map((prompt) => `You said: ${prompt}`);
  const count = (list: string[]): number => list.reduce((sum, text) => sum + pieces(text).length, 0);
  const usage = { prompt_tokens: count(prompts), completion_tokens: count(texts) };
  server.ledger.push({
    requestIndex: server.ledger.length,
    model: String(body.model),
    inputTokens: usage.prompt_tokens,
    cachedTokens: 0,
    cacheWriteTokens: 0,
    outputTokens: usage.completion_tokens,
    outcome: "complete",
    reported: true,
  });
  const head = { id: "cmpl-1", object: "text_completion", created: 1_790_000_000, model: body.model };
  const full = { ...usage, total_tokens: usage.prompt_tokens + usage.completion_tokens };
  const choice = (text: string, index: number, reason: string | null) => ({
    text,
    index,
    logprobs: null,
    finish_reason: reason,
  });
  if (body.stream === true) {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const text of pieces(texts[0] as string)) {
      response.write(`data: ${JSON.stringify({ ...head, choices: [choice(text, 0, null)] })}\n\n`);
    }
    response.write(`data: ${JSON.stringify({ ...head, choices: [choice("", 0, "stop")] })}\n\n`);
    response.write(`data: ${JSON.stringify({ ...head, choices: [], usage: full })}\n\n`);
    response.end("data: [DONE]\n\n");
    return true;
  }
  const choices = texts
    .map((text, index) => choice(text, index, "stop"))
    .filter((_, index) => prompts[index] !== "SKIP");
  sendJson(response, { ...head, choices: choices.reverse(), usage: full });
  return true;
}

/** Starts the server; `url` ends in `/v1`. */
export function startOpenAiServer(options: WireServerOptions = {}): Promise<WireServer> {
  return startWireServer(createFormat(), options, "/v1");
}
