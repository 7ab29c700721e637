import type { FastifyReply, FastifyRequest } from "fastify";
import { AppError } from "#contracts";
import { type Caller, newId, type Store, spendTags } from "#domain";
import type { LlmFinishReason, LlmFrame, LlmToolCall } from "#llm";
import type { HttpDependencies } from "../../dependencies.ts";
import { toOpenAiError } from "../../error-handler.ts";
import { apiHeaders } from "../../plugins/security-headers.ts";
import { toClientError } from "../../problem.ts";
import { openSse, type SseStream } from "../../sse.ts";
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

/** What a model or a squad answered, in what the wire needs. */
interface Answered {
  model: string;
  text: string;
  toolCalls: LlmToolCall[];
  finishReason: LlmFinishReason;
  usage: object;
  headers: Record<string, string>;
}

type Ask = (signal: AbortSignal, onFrame: (frame: LlmFrame) => void) => Promise<Answered>;

/** Answers a chat completion, streamed or whole. Closing the connection cancels a model's call, never an execution. */
export async function answerChatCompletion(input: Input): Promise<void> {
  const { body, reply } = input;
  const abort = new AbortController();
  reply.raw.once("close", () => abort.abort());
  const { ask, headers } = await prepare(input);
  const head: CompletionHead = {
    id: `chatcmpl-${newId().replaceAll("-", "")}`,
    created: Math.floor(Date.now() / 1_000),
    model: body.model,
  };
  if (body.stream === true) await stream(input, ask, head, headers, abort.signal);
  else {
    const answered = await ask(abort.signal, () => undefined);
    const completion = toCompletion({ ...head, model: answered.model }, answered, answered.usage);
    reply.headers({ ...apiHeaders, ...headers, ...answered.headers, "cache-control": "no-store" });
    reply.type("application/json; charset=utf-8").send(JSON.stringify(completion));
  }
  await input.deps.cache.invalidate(spendTags(input.caller.userId, null));
}

/** Decides who is asked; for a squad the execution is accepted here, so that refusals are ordinary answers. */
async function prepare({ db, caller, body, deps }: Input): Promise<{ ask: Ask; headers: Record<string, string> }> {
  const request = toLlmRequest(body);
  const slug = squadSlugOf(body.model);
  if (slug === null) {
    const context = {
      callId: newId(),
      tenantId: caller.userId,
      squadId: null,
      executionId: null,
      memberId: null,
      lane: "interactive" as const,
      cache: "auto" as const,
      deadlineMs: null,
    };
    const ask: Ask = async (signal, onFrame) => {
      const reply = await deps.gateway.call({ request, context: { ...context, signal } }, onFrame);
      const cost = reply.costNanoUsd === null ? "unknown" : String(reply.costNanoUsd);
      return {
        ...reply,
        usage: toWireUsage(reply.usage),
        headers: { "x-muster-cache": reply.cacheResult, "x-muster-cost-nano-usd": cost },
      };
    };
    return { ask, headers: {} };
  }
  const run = await runSquadFor({ db, caller, deps, slug, messages: request.messages, onStart: () => undefined });
  const ask: Ask = async (signal, onFrame) => {
    const result = await run.result((text) => onFrame({ type: "text", text }), signal);
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

async function stream(
  input: Input,
  ask: Ask,
  head: CompletionHead,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<void> {
  const { reply, body, deps, request } = input;
  let sse: SseStream | null = null;
  const open = (): SseStream => {
    if (sse) return sse;
    sse = openSse(reply, { headers });
    sse.write(toChunk(head, { role: "assistant", content: "" }));
    return sse;
  };
  // An execution takes a while before its lead answers: its id and heartbeats go out at once.
  if (headers["x-muster-execution"] !== undefined) open();
  let reset: AppError | null = null;
  const cut = new AbortController();
  try {
    const answered = await ask(AbortSignal.any([signal, cut.signal]), (frame) => {
      if (frame.type === "reset" && sse) {
        // This format cannot take back what was sent.
        reset = new AppError("provider_failed", `The answer broke off and began anew (${frame.reason}). Ask again.`);
        cut.abort();
      } else writeFrame(open, head, frame);
    });
    const out = open();
    out.write(toChunk(head, {}, answered.finishReason));
    if (body.stream_options?.include_usage === true) out.write(toUsageChunk(head, answered.usage));
    out.write(lastFrame);
    out.end();
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
