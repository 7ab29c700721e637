import { createHash } from "node:crypto";
import { argumentPieces, pieces, resolveAnswer, type ScriptedAnswer } from "./answers.ts";
import { jsonPieces, spelt } from "./json-pieces.ts";
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
 * A local server of Anthropic's messages API, models and message batches, as documented at
 * https://platform.claude.com/docs/en/api. It keeps a prompt cache by the `cache_control` marks it is sent.
 */

interface Block {
  cache_control?: unknown;
  [key: string]: unknown;
}
interface MessagesBody {
  model?: string;
  max_tokens?: number;
  stream?: boolean;
  system?: string | Block[];
  tools?: Block[];
  messages?: { role: string; content: string | Block[] }[];
}

const stopReasons = {
  stop: "end_turn",
  length: "max_tokens",
  tool_calls: "tool_use",
  content_filter: "refusal",
} as const;

function stopReason(answer: ScriptedAnswer): string {
  return stopReasons[answer.finishReason ?? ((answer.toolCalls?.length ?? 0) > 0 ? "tool_calls" : "stop")];
}

function outputTokens(answer: ScriptedAnswer): number {
  let count = pieces(answer.text ?? "").length + pieces(answer.reasoning ?? "").length;
  for (const call of answer.toolCalls ?? []) count += 1 + argumentPieces(call.arguments).length;
  return Math.max(1, count);
}

/** The answer's tokens in the order in which a body has them; a tool's input is an object there, not a text. */
function spokenIn(answer: ScriptedAnswer): string[][] {
  const texts = [spelt(pieces(answer.reasoning ?? "")), spelt(pieces(answer.text ?? ""))];
  for (const call of answer.toolCalls ?? []) {
    texts.push(spelt([call.name]), argumentPieces(JSON.stringify(JSON.parse(call.arguments))));
  }
  return texts;
}

/** The prompt as one list of blocks in cache order: tools, system, messages; marks end a cacheable prefix. */
function cacheBlocks(body: MessagesBody): { text: string; marked: boolean }[] {
  const strip = (block: Block, place: string): { text: string; marked: boolean } => {
    const { cache_control: mark, ...rest } = block;
    return { text: `${place}${JSON.stringify(rest)}`, marked: mark !== undefined };
  };
  const asBlocks = (content: string | Block[] | undefined): Block[] =>
    typeof content === "string" ? [{ type: "text", text: content }] : (content ?? []);
  return [
    ...(body.tools ?? []).map((block) => strip(block, "tool")),
    ...asBlocks(body.system).map((block) => strip(block, "system")),
    ...(body.messages ?? []).flatMap((message) => asBlocks(message.content).map((block) => strip(block, message.role))),
  ];
}

function createFormat(): WireFormat {
  const cachedPrefixes = new Set<string>();
  const batches = new Map<
    string,
    { requests: { custom_id: string; params: MessagesBody }[]; pollsLeft: number; status: string; createdAt: string }
  >();

  function usageOf(answer: ScriptedAnswer, body: MessagesBody, options: WireServerOptions) {
    const blocks = cacheBlocks(body);
    const total =
      answer.usage?.inputTokens ?? options.countPromptTokens?.(body) ?? Math.ceil(JSON.stringify(blocks).length / 4);
    const length = blocks.reduce((sum, block) => sum + block.text.length, 0) || 1;
    let prefix = "";
    let read = 0;
    let write = 0;
    for (const block of blocks) {
      prefix += block.text;
      if (!block.marked) continue;
      const key = createHash("sha256").update(`${body.model}\0${prefix}`).digest("hex");
      const tokens = Math.floor((total * prefix.length) / length);
      if (cachedPrefixes.has(key)) read = tokens;
      else write = tokens - read;
      cachedPrefixes.add(key);
    }
    read = answer.usage?.cachedTokens ?? read;
    write = answer.usage?.cacheWriteTokens ?? write;
    return {
      input_tokens: total - read - write,
      cache_creation_input_tokens: write,
      cache_read_input_tokens: read,
      cache_creation: { ephemeral_5m_input_tokens: write, ephemeral_1h_input_tokens: 0 },
      output_tokens: answer.usage?.outputTokens ?? outputTokens(answer),
      service_tier: "standard",
    };
  }

  function message(body: MessagesBody, answer: ScriptedAnswer, requestIndex: number, options: WireServerOptions) {
    const content: Block[] = [];
    if (answer.reasoning !== undefined)
      content.push({ type: "thinking", thinking: answer.reasoning, signature: "c2ln" });
    if (answer.text !== undefined) content.push({ type: "text", text: answer.text });
    for (const [index, call] of (answer.toolCalls ?? []).entries()) {
      content.push({
        type: "tool_use",
        id: call.id ?? `toolu_${index}`,
        name: call.name,
        input: JSON.parse(call.arguments) as unknown,
      });
    }
    return {
      id: `msg_${requestIndex}`,
      type: "message",
      role: "assistant",
      model: answer.model ?? body.model,
      content,
      stop_reason: stopReason(answer),
      stop_sequence: null,
      usage: usageOf(answer, body, options),
    };
  }

  function streamOf(
    whole: ReturnType<typeof message>,
    answer: ScriptedAnswer,
  ): { pieces: StreamPiece[]; terminal: string } {
    const parts: StreamPiece[] = [];
    const event = (value: { type: string; [key: string]: unknown }): string =>
      `event: ${value.type}\ndata: ${JSON.stringify(value)}\n\n`;
    const push = (
      value: { type: string; [key: string]: unknown },
      tokens = 0,
      reports?: StreamPiece["reports"],
    ): void => {
      parts.push({ bytes: event(value), tokens, ...(reports === undefined ? {} : { reports }) });
    };
    const start = { ...whole, content: [], stop_reason: null, usage: { ...whole.usage, output_tokens: 1 } };
    push({ type: "message_start", message: start }, 0, 1);
    let index = 0;
    const block = (opening: object, deltas: object[], tokens: number): void => {
      push({ type: "content_block_start", index, content_block: opening }, tokens);
      if (index === 0) push({ type: "ping" });
      for (const delta of deltas) push({ type: "content_block_delta", index, delta }, "signature" in delta ? 0 : 1);
      push({ type: "content_block_stop", index });
      index += 1;
    };
    if (answer.reasoning !== undefined) {
      const deltas: object[] = pieces(answer.reasoning).map((thinking) => ({ type: "thinking_delta", thinking }));
      block(
        { type: "thinking", thinking: "", signature: "" },
        [...deltas, { type: "signature_delta", signature: "c2ln" }],
        0,
      );
    }
    if (answer.text !== undefined) {
      block(
        { type: "text", text: "" },
        pieces(answer.text).map((text) => ({ type: "text_delta", text })),
        0,
      );
    }
    for (const [callIndex, call] of (answer.toolCalls ?? []).entries()) {
      const deltas = argumentPieces(call.arguments).map((partial_json) => ({ type: "input_json_delta", partial_json }));
      block({ type: "tool_use", id: call.id ?? `toolu_${callIndex}`, name: call.name, input: {} }, deltas, 1);
    }
    const usage = { output_tokens: whole.usage.output_tokens };
    push({ type: "message_delta", delta: { stop_reason: whole.stop_reason, stop_sequence: null }, usage }, 0, "all");
    return { pieces: parts, terminal: event({ type: "message_stop" }) };
  }

  async function batchResults(id: string, options: WireServerOptions): Promise<string> {
    const lines: string[] = [];
    for (const [index, entry] of (batches.get(id)?.requests ?? []).entries()) {
      const last = entry.params.messages?.at(-1)?.content;
      const text = Array.isArray(last) ? String(last[0]?.text) : last;
      if (text === "LATE" && options.batchesEndEarly !== undefined) {
        // As the API spells it.
        const type = options.batchesEndEarly === "expired" ? "expired" : "canceled";
        lines.push(JSON.stringify({ custom_id: entry.custom_id, result: { type } }));
        continue;
      }
      if (text === "FAULT" && options.batchFault !== undefined) {
        const error = { type: "error", error: { ...options.batchFault, message: "Oh" } };
        lines.push(JSON.stringify({ custom_id: entry.custom_id, result: { type: "errored", error } }));
        continue;
      }
      const result =
        text === "FAIL"
          ? {
              type: "errored",
              error: { type: "error", error: { type: "invalid_request_error", message: "This request failed" } },
            }
          : {
              type: "succeeded",
              message: message(entry.params, await resolveAnswer(options.script, entry.params, index), index, options),
            };
      lines.push(JSON.stringify({ custom_id: entry.custom_id, result }));
    }
    return lines.reverse().join("\n");
  }

  return {
    answerPath: "/v1/messages",
    prepare(rawBody, answer, requestIndex, options): PreparedAnswer {
      const body = rawBody as MessagesBody;
      const whole = message(body, answer, requestIndex, options);
      const { usage } = whole;
      return {
        stream: body.stream === true ? streamOf(whole, answer) : null,
        json: jsonPieces(JSON.stringify(whole), spokenIn(answer), usage),
        bill: {
          model: String(whole.model),
          inputTokens: usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens,
          cachedTokens: usage.cache_read_input_tokens,
          cacheWriteTokens: usage.cache_creation_input_tokens,
          outputTokens: usage.output_tokens,
        },
      };
    },
    refuse: (request, options) => refusal(request, options),
    error: (_status, type, _code, text) =>
      JSON.stringify({ type: "error", error: { type: type ?? "api_error", message: text }, request_id: "req_test" }),
    errorEvent: (type, text) =>
      `event: error\ndata: ${JSON.stringify({ type: "error", error: { type, message: text } })}\n\n`,
    async other(request, response, server) {
      const path = request.path.split("?")[0] ?? "";
      const send = (value: unknown): true => {
        response.writeHead(200, { "content-type": "application/json" });
        response.end(JSON.stringify(value));
        return true;
      };
      if (request.method === "GET" && path === "/v1/models") {
        const models = server.options.models ?? ["claude-test"];
        const data = models.map((id) => ({ type: "model", id, display_name: id, created_at: "2026-01-01T00:00:00Z" }));
        return send({ data, has_more: false, first_id: models[0], last_id: models.at(-1) });
      }
      const shape = (id: string): unknown => {
        const batch = batches.get(id);
        const ended = batch?.status === "ended";
        return {
          id,
          type: "message_batch",
          processing_status: batch?.status,
          created_at: batch?.createdAt,
          request_counts: {
            processing: ended ? 0 : batch?.requests.length,
            succeeded: ended ? batch.requests.length : 0,
            errored: 0,
            canceled: 0,
            expired: 0,
          },
          results_url: ended ? `${server.root}/v1/messages/batches/${id}/results` : null,
        };
      };
      if (request.method === "POST" && path === "/v1/messages/batches") {
        const id = `msgbatch_${batches.size + 1}`;
        const { requests } = request.body as { requests: { custom_id: string; params: MessagesBody }[] };
        const valid = requests.every((one) => /^[a-zA-Z0-9_-]{1,64}$/.test(one.custom_id));
        const outcome = valid
          ? (server.options.batchSubmission?.(requests.map((one) => one.custom_id)) ?? "taken")
          : 400;
        if (typeof outcome === "number") {
          const type = outcome === 429 ? "rate_limit_error" : "api_error";
          response.writeHead(outcome, { "content-type": "application/json" });
          response.end(JSON.stringify({ type: "error", error: { type, message: "Not now" } }));
          return true;
        }
        batches.set(id, { requests, pollsLeft: 1, status: "in_progress", createdAt: new Date().toISOString() });
        if (outcome === "cut off" || server.options.batchAnswerLost !== undefined) {
          if (outcome === "cut off" || server.options.batchAnswerLost === "cut off") response.destroy();
          return true;
        }
        return send(shape(id));
      }
      if (request.method === "GET" && path === "/v1/messages/batches") {
        return send({ data: [...batches.keys()].reverse().map(shape), has_more: false });
      }
      const one = /^\/v1\/messages\/batches\/([^/]+)(\/results|\/cancel)?$/.exec(path);
      const batch = batches.get(one?.[1] ?? "");
      if (one === null || batch === undefined) return false;
      if (one[2] === "/results") {
        response.writeHead(200, { "content-type": "application/x-jsonl" });
        response.end(await batchResults(one[1] as string, server.options));
        return true;
      }
      if (one[2] === "/cancel") batch.status = "ended";
      else if (server.options.batchMayEnd?.(batch.requests.map((entry) => entry.custom_id)) === false)
        batch.pollsLeft = 1;
      else if (batch.pollsLeft <= 0) batch.status = "ended";
      batch.pollsLeft -= 1;
      return send(shape(one[1] as string));
    },
  };
}

function refusal(request: RecordedRequest, options: WireServerOptions): ReturnType<WireFormat["refuse"]> {
  // The SDK sends its key as a bearer token since 1.0; `x-api-key` is the documented header of the API.
  const key = request.headers["x-api-key"] ?? request.headers.authorization?.toString().replace(/^Bearer /, "");
  if (options.apiKey !== undefined && key !== options.apiKey) {
    return { status: 401, type: "authentication_error", message: "invalid x-api-key" };
  }
  const body = request.body as MessagesBody;
  const bad = (message: string) => ({ status: 400, type: "invalid_request_error", message });
  if (request.headers["anthropic-version"] === undefined) return bad("anthropic-version: header is required");
  if (typeof body !== "object" || !Array.isArray(body.messages)) return bad("messages: Field required");
  if (typeof body.max_tokens !== "number") return bad("max_tokens: Field required");
  if (body.messages[0]?.role !== "user") return bad('messages: first message must use the "user" role');
  if (cacheBlocks(body).filter((block) => block.marked).length > 4)
    return bad("A maximum of 4 blocks with cache_control may be provided.");
  if (options.models !== undefined && !options.models.includes(String(body.model))) {
    return { status: 404, type: "not_found_error", message: `model: ${body.model}` };
  }
  return null;
}

/** Starts the server; `url` is without `/v1`, as Anthropic's SDK takes it. */
export function startAnthropicServer(options: WireServerOptions = {}): Promise<WireServer> {
  return startWireServer(createFormat(), options, "");
}
