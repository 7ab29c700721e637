import type { FastifyReply, FastifyRequest } from "fastify";
import { AppError, type CacheResult } from "#contracts";
import { type Caller, newId, type Store } from "#domain";
import type { LlmFinishReason, LlmFrame, LlmToolCall } from "#llm";
import type { HttpDependencies } from "../../dependencies.ts";
import { toOpenAiError } from "../../error-handler.ts";
import { apiHeaders } from "../../plugins/security-headers.ts";
import { toClientError } from "../../problem.ts";
import { openSse, type SseStream } from "../../sse.ts";
import { answerOnce } from "./answer-once.ts";
import { callContext, clientSignal } from "./call-options.ts";
import type { ChatCompletionBody } from "./chat-schemas.ts";
import {
  type CompletionHead,
  lastFrame,
  toChunk,
  toCompletion,
  toLlmRequest,
  toUsageChunk,
  toWireUsage,
} from "./chat-wire.ts";
import { runSquadFor, squadSlugOf } from "./run-squad.ts";

interface Input {
  db: Store;
  caller: Caller;
  body: ChatCompletionBody;
  deps: HttpDependencies;
  request: FastifyRequest;
  reply: FastifyReply;
}

/** What a model or a squad answered, in what the wire needs; kept as it is for an Idempotency-Key. */
interface Answered {
  model: string;
  text: string;
  toolCalls: LlmToolCall[];
  finishReason: LlmFinishReason;
  usage: object;
  headers: Record<string, string>;
}

interface Kept {
  head: CompletionHead;
  answered: Answered;
  headers: Record<string, string>;
}

type Ask = (
  signal: AbortSignal,
  onFrame: (frame: LlmFrame) => void,
  onBegin: (cacheResult: CacheResult) => void,
) => Promise<Answered>;

interface Prepared {
  ask: Ask;
  headers: Record<string, string>;
}

/**
 * Answers a chat completion, streamed or whole. Closing the connection cancels a model's call (what came is billed, as
 * estimated), never an execution: that is cancelled by its own route, with the id in `x-muster-execution`.
 */
export async function answerChatCompletion(input: Input): Promise<void> {
  const { body, db, caller, request, reply } = input;
  const once = await answerOnce<Kept>(db, caller, request);
  if (once.stored !== null) {
    replay(input, once.stored);
    return;
  }
  const head: CompletionHead = {
    id: `chatcmpl-${newId().replaceAll("-", "")}`,
    created: Math.floor(Date.now() / 1_000),
    model: body.model,
  };
  const client = clientSignal(reply);
  let kept = false;
  const keep = async (answer: Kept): Promise<void> => {
    await once.keep(answer);
    kept = true;
  };
  try {
    const prepared = await prepare(input, once.key !== null);
    if (body.stream === true) await stream(input, prepared, head, client, keep);
    else {
      const answer = { head, answered: await prepared.ask(client, ignore, ignore), headers: prepared.headers };
      await keep(answer);
      sendWhole(input, answer);
    }
  } finally {
    if (!kept) await once.release();
  }
}

function ignore(): void {
  // Nobody looks before the end.
}

function sendWhole({ reply }: Input, { head, answered, headers }: Kept): void {
  const completion = toCompletion({ ...head, model: answered.model }, answered, answered.usage);
  reply.headers({ ...apiHeaders, ...headers, ...answered.headers, "cache-control": "no-store" });
  reply.type("application/json; charset=utf-8").send(JSON.stringify(completion));
}

/** The same answer again, in the form that is asked for; nothing is called and nothing billed. */
function replay(input: Input, kept: Kept): void {
  const headers = { ...kept.headers, ...kept.answered.headers, "idempotency-replayed": "true" };
  if (input.body.stream !== true) {
    sendWhole(input, { ...kept, headers });
    return;
  }
  const { head, answered } = kept;
  const sse = openSse(input.reply, { headers });
  sse.write(toChunk(head, { role: "assistant", content: "" }));
  if (answered.text !== "") sse.write(toChunk(head, { content: answered.text }));
  for (const [index, { id, name, arguments: argumentsDelta }] of answered.toolCalls.entries()) {
    writeFrame(() => sse, head, { type: "tool-call", index, id, name, argumentsDelta });
  }
  writeEnd(sse, input, head, answered);
}

function writeEnd(sse: SseStream, { body }: Input, head: CompletionHead, answered: Answered): void {
  sse.write(toChunk(head, {}, answered.finishReason));
  if (body.stream_options?.include_usage === true) sse.write(toUsageChunk(head, answered.usage));
  sse.write(lastFrame);
  sse.end();
}

/** Decides who is asked; for a squad the execution is accepted here, so that refusals are ordinary answers. */
async function prepare({ db, caller, body, deps, request: http }: Input, keyed: boolean): Promise<Prepared> {
  const request = toLlmRequest(body);
  const slug = squadSlugOf(body.model);
  if (slug === null) {
    const { cache, stream: streamed } = body;
    const context = callContext(caller, http, { cache, stream: streamed === true, lane: "interactive" });
    const ask: Ask = async (signal, onFrame, onBegin) => {
      const reply = await deps.gateway.call({ request, context: { ...context, signal, onBegin } }, onFrame);
      return {
        model: reply.model,
        text: reply.text,
        toolCalls: reply.toolCalls,
        finishReason: reply.finishReason,
        usage: toWireUsage(reply.usage),
        headers: {
          "x-muster-cache": reply.cacheResult,
          "x-muster-cost-nano-usd": reply.costNanoUsd === null ? "unknown" : String(reply.costNanoUsd),
          ...(reply.savedNanoUsd === null ? {} : { "x-muster-saved-nano-usd": String(reply.savedNanoUsd) }),
        },
      };
    };
    return { ask, headers: {} };
  }
  const run = await runSquadFor({ db, caller, deps, slug, messages: request.messages, onStart: () => undefined });
  const ask: Ask = async (signal, onFrame) => {
    // Under a key the answer is waited for even when the client has gone: it comes back for it.
    const until = keyed ? new AbortController().signal : signal;
    const result = await run.result((text) => onFrame({ type: "text", text }), until);
    return {
      model: body.model,
      text: result.text,
      toolCalls: [],
      finishReason: "stop",
      usage: toWireUsage(result),
      headers: { "x-muster-cost-nano-usd": result.costIncomplete ? "unknown" : String(result.costNanoUsd) },
    };
  };
  return { ask, headers: { "x-muster-execution": run.executionId } };
}

/** Streams the answer; where it breaks off, the client is told so in the stream and nothing is kept. */
async function stream(
  input: Input,
  { ask, headers }: Prepared,
  head: CompletionHead,
  signal: AbortSignal,
  keep: (answer: Kept) => Promise<void>,
): Promise<void> {
  const { reply, deps, request } = input;
  let cacheHeaders: Record<string, string> = {};
  let sse: SseStream | null = null;
  const open = (): SseStream => {
    if (sse) return sse;
    sse = openSse(reply, { headers: { ...headers, ...cacheHeaders } });
    sse.write(toChunk(head, { role: "assistant", content: "" }));
    return sse;
  };
  // An execution takes a while before its lead answers: its id and heartbeats go out at once.
  if (headers["x-muster-execution"] !== undefined) open();
  let reset: AppError | null = null;
  const cut = new AbortController();
  try {
    const answered = await ask(
      AbortSignal.any([signal, cut.signal]),
      (frame) => {
        if (frame.type === "reset" && sse) {
          // This format cannot take back what was sent.
          reset = new AppError("provider_failed", `The answer broke off and began anew (${frame.reason}). Ask again.`);
          cut.abort();
        } else writeFrame(open, head, frame);
      },
      (cacheResult) => {
        cacheHeaders = { "x-muster-cache": cacheResult };
      },
    );
    await keep({ head, answered, headers });
    writeEnd(open(), input, head, answered);
  } catch (error) {
    if (!sse) throw error;
    if (!signal.aborted) {
      deps.logger.warn({ err: error, requestId: request.id }, "a streamed completion broke off");
      open().write(`data: ${JSON.stringify({ error: toOpenAiError(reset ?? toClientError(error)) })}\n\n`);
    }
    open().end();
  }
}

function writeFrame(open: () => SseStream, head: CompletionHead, frame: LlmFrame): void {
  if (frame.type === "text") open().write(toChunk(head, { content: frame.text }));
  if (frame.type === "tool-call") {
    const { index, id, name, argumentsDelta } = frame;
    const named = name === undefined ? { arguments: argumentsDelta } : { name, arguments: argumentsDelta };
    const call = { index, ...(id === undefined ? {} : { id, type: "function" }), function: named };
    open().write(toChunk(head, { tool_calls: [call] }));
  }
}
