import { asLlmError, LlmError } from "../errors.ts";
import { requestTokens } from "../tokens.ts";
import type { LlmFrame, LlmRequest, LlmUsage } from "../types.ts";
import { MessagesParser } from "./anthropic-messages.ts";
import { encodeMessagesRequest } from "./anthropic-request.ts";
import type { HttpTransport } from "./http-transport.ts";
import { ChatParser, encodeChatRequest, readUsage } from "./openai-chat.ts";
import {
  CompletionParser,
  encodeCompletionBody,
  promptOf,
  readPromptsAnswer,
  takesPromptArrays,
} from "./openai-completions.ts";
import { encodeResponsesRequest, ResponsesParser, speaksResponses } from "./openai-responses.ts";
import type {
  ProviderAccount,
  ProviderAnswer,
  ProviderCall,
  ProviderClient,
  ProviderEmbeddingAnswer,
  ProviderEmbeddingCall,
  ProviderModel,
  ProviderPromptsAnswer,
  ProviderPromptsCall,
} from "./provider.ts";
import { defaultTimeouts } from "./provider.ts";
import { requestJson } from "./request-json.ts";
import { type AnswerParser, WireReader } from "./wire-reader.ts";

const ANTHROPIC_VERSION = "2023-06-01";

/** The parts of an account's base URL, worked out once an account. */
export interface Endpoint {
  origin: string;
  /** Without a trailing slash; ends in `/v1` for OpenAI-compatible servers, without it for Anthropic. */
  basePath: string;
  label: string;
}

const kindNames = {
  openai: "OpenAI",
  anthropic: "Anthropic",
  google: "Google",
  ollama: "Ollama",
  openai_compatible: "The server",
  offline: "The offline model",
} as const;

/** Throws `bad_request` for what is no http(s) address. */
export function endpointOf(account: ProviderAccount): Endpoint {
  let url: URL;
  try {
    url = new URL(account.baseUrl);
  } catch (error) {
    throw new LlmError("bad_request", `The provider account's base URL is not an address: ${account.baseUrl}`, {
      cause: error,
    });
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new LlmError(
      "bad_request",
      `The provider account's base URL must begin with http:// or https://: ${account.baseUrl}`,
    );
  }
  let basePath = url.pathname.replace(/\/+$/, "");
  // Anthropic's SDK takes the address without the version, many write it anyway.
  if (account.kind === "anthropic") basePath = basePath.replace(/\/v1$/, "");
  // Ollama's address is known without the folder of its OpenAI-compatible API.
  if (account.kind === "ollama" && basePath === "") basePath = "/v1";
  const label = account.kind === "openai_compatible" ? `The server at ${url.host}` : kindNames[account.kind];
  return { origin: url.origin, basePath, label };
}

function headersOf(account: ProviderAccount, hasBody: boolean): Record<string, string> {
  const headers: Record<string, string> = { accept: "*/*", "user-agent": "muster" };
  if (hasBody) headers["content-type"] = "application/json";
  if (account.kind === "anthropic") {
    headers["anthropic-version"] = ANTHROPIC_VERSION;
    if (account.apiKey !== null) headers["x-api-key"] = account.apiKey;
  } else if (account.apiKey !== null) {
    headers.authorization = `Bearer ${account.apiKey}`;
  }
  return headers;
}

/** One wire format: where a request goes, how it is written and how the answer is read. */
interface Wire {
  path: string;
  encode(call: ProviderCall): string;
  parser(request: LlmRequest, label: string, onFrame: (frame: LlmFrame) => void): AnswerParser;
}

const messagesWire: Wire = {
  path: "/v1/messages",
  encode: encodeMessagesRequest,
  parser: (request, label, onFrame) => new MessagesParser(request, label, onFrame),
};
const chatWire: Wire = {
  path: "/chat/completions",
  encode: encodeChatRequest,
  parser: (request, label, onFrame) => new ChatParser(request, label, onFrame),
};
const completionWire: Wire = {
  path: "/completions",
  encode({ request, maxOutputTokens, stream }) {
    const body = encodeCompletionBody(request, promptOf(request), maxOutputTokens);
    return JSON.stringify(stream ? { ...body, stream, stream_options: { include_usage: true } } : body);
  },
  parser: (request, label, onFrame) => new CompletionParser(request, label, onFrame),
};

const responsesWire: Wire = {
  path: "/responses",
  encode: encodeResponsesRequest,
  parser: (request, label, onFrame) => new ResponsesParser(request, label, onFrame),
};

function wireOf(account: ProviderAccount, request: LlmRequest): Wire {
  if (account.kind === "anthropic") return messagesWire;
  if (speaksResponses(account, request.model)) return responsesWire;
  return request.form === "completion" && takesPromptArrays(account, request.model) ? completionWire : chatWire;
}

interface PreparedAccount {
  endpoint: Endpoint;
  postHeaders: Record<string, string>;
}

/** All providers that are reached over HTTP: OpenAI's format for every kind but Anthropic. */
export class HttpProvider implements ProviderClient {
  readonly #transport: HttpTransport;
  readonly #prepared = new WeakMap<ProviderAccount, PreparedAccount>();

  constructor(transport: HttpTransport) {
    this.#transport = transport;
  }

  async complete(call: ProviderCall, onFrame: (frame: LlmFrame) => void): Promise<ProviderAnswer> {
    const { account, request } = call;
    const { endpoint, postHeaders } = this.#prepare(account);
    const wire = wireOf(account, request);
    const startedAt = performance.now();
    let firstAt = 0;
    let failed = false;
    const emit = call.stream
      ? (frame: LlmFrame): void => {
          if (failed) return;
          if (firstAt === 0) firstAt = performance.now();
          onFrame(frame);
        }
      : ignoreFrame;
    const parser = wire.parser(request, endpoint.label, emit);
    const reader = new WireReader(parser, endpoint.label, call);
    try {
      await this.#transport.send(
        {
          label: endpoint.label,
          origin: endpoint.origin,
          path: endpoint.basePath + wire.path,
          method: "POST",
          headers: postHeaders,
          body: wire.encode(call),
          allowPrivateAddress: account.allowPrivateAddress,
          timeouts: call.timeouts,
          stream: call.stream,
          signal: call.signal,
          onSent: call.onSent,
        },
        reader,
      );
      reader.end();
    } catch (thrown) {
      failed = true;
      const error = asLlmError(thrown);
      if (reader.accepted && error.seenUsage === undefined) error.seenUsage = reader.seenUsage();
      throw error;
    }
    const answer = parser.answer() as ProviderAnswer;
    answer.timeToFirstTokenMs = (firstAt === 0 ? performance.now() : firstAt) - startedAt;
    return answer;
  }

  async completePrompts(call: ProviderPromptsCall): Promise<ProviderPromptsAnswer> {
    const { account, request, prompts, maxOutputTokens, signal, timeouts, onLimits } = call;
    const body = JSON.stringify(encodeCompletionBody(request, prompts, maxOutputTokens));
    const exchange = { method: "POST", path: "/completions", body, signal, timeouts, onLimits } as const;
    return readPromptsAnswer(await this.request(account, exchange), prompts.length);
  }

  async embed(call: ProviderEmbeddingCall): Promise<ProviderEmbeddingAnswer> {
    if (call.account.kind === "anthropic") {
      throw new LlmError("bad_request", "Anthropic has no embeddings; choose a model of another provider.");
    }
    const body: Record<string, unknown> = { model: call.model, input: call.inputs, encoding_format: "float" };
    if (call.dimensions !== undefined) body.dimensions = call.dimensions;
    const json = (await this.request(call.account, {
      method: "POST",
      path: "/embeddings",
      body: JSON.stringify(body),
      signal: call.signal,
      timeouts: call.timeouts,
      onLimits: call.onLimits,
    })) as {
      data?: { index?: number; embedding?: number[] }[];
      model?: string;
      usage?: { prompt_tokens?: number; total_tokens?: number };
    };
    const vectors: number[][] = new Array(call.inputs.length);
    for (const [position, entry] of (json.data ?? []).entries()) {
      if (Array.isArray(entry.embedding)) vectors[entry.index ?? position] = entry.embedding;
    }
    for (let index = 0; index < call.inputs.length; index += 1) {
      if (vectors[index] === undefined) throw new LlmError("protocol", "The provider left out an embedding.");
    }
    return { vectors, model: json.model ?? call.model, usage: embeddingUsage(json.usage, call) };
  }

  async listModels(account: ProviderAccount, signal: AbortSignal): Promise<ProviderModel[]> {
    const path = account.kind === "anthropic" ? "/v1/models?limit=1000" : "/models";
    const timeouts = { ...defaultTimeouts, connectMs: 3000, totalMs: 10_000 };
    const json = (await this.request(account, { method: "GET", path, body: null, signal, timeouts })) as {
      data?: {
        id?: unknown;
        display_name?: unknown;
        context_length?: unknown;
        max_model_len?: unknown;
        context_window?: unknown;
      }[];
    };
    const models: ProviderModel[] = [];
    for (const entry of json.data ?? []) {
      if (typeof entry.id !== "string") continue;
      // Google names its models `models/gemini-…` here and without the folder everywhere else.
      const model: ProviderModel = { id: entry.id.replace(/^models\//, "") };
      if (typeof entry.display_name === "string") model.name = entry.display_name;
      const context = [entry.context_length, entry.max_model_len, entry.context_window].find(
        (value) => typeof value === "number",
      );
      if (typeof context === "number") model.contextTokens = context;
      models.push(model);
    }
    return models;
  }

  /** One JSON exchange under the account's base URL (models, embeddings, batches). Rejects with `LlmError`. */
  request(
    account: ProviderAccount,
    exchange: Omit<
      Parameters<typeof requestJson>[1],
      "label" | "origin" | "headers" | "allowPrivateAddress" | "kind"
    > & {
      headers?: Record<string, string>;
    },
  ): Promise<unknown> {
    const { endpoint } = this.#prepare(account);
    return requestJson(this.#transport, {
      ...exchange,
      kind: account.kind,
      label: endpoint.label,
      origin: endpoint.origin,
      path: endpoint.basePath + exchange.path,
      headers: { ...headersOf(account, exchange.body !== null), ...exchange.headers },
      allowPrivateAddress: account.allowPrivateAddress,
    });
  }

  async close(): Promise<void> {
    await this.#transport.close();
  }

  #prepare(account: ProviderAccount): PreparedAccount {
    let prepared = this.#prepared.get(account);
    if (prepared === undefined) {
      prepared = { endpoint: endpointOf(account), postHeaders: headersOf(account, true) };
      this.#prepared.set(account, prepared);
    }
    return prepared;
  }
}

function ignoreFrame(): void {
  // An answer that is not streamed has no frames to hand on.
}

function embeddingUsage(
  usage: { prompt_tokens?: number; total_tokens?: number } | undefined,
  call: ProviderEmbeddingCall,
): LlmUsage {
  const prompt = usage?.prompt_tokens ?? usage?.total_tokens;
  if (prompt !== undefined) return readUsage({ prompt_tokens: prompt });
  const messages = call.inputs.map((content) => ({ role: "user" as const, content }));
  return {
    inputTokens: requestTokens({ model: call.model, messages }).expected,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    outputTokens: 0,
    reasoningTokens: 0,
    estimated: true,
  };
}
