import type { FastifyReply, FastifyRequest } from "fastify";
import { AppError, type ChatBill, ChatBody, type ChatFrame } from "#contracts";
import { addAssistantMessage, addUserMessage, type Caller, newId, replicaTag, type Store } from "#domain";
import type { LlmCall, LlmFrame, LlmReply } from "#llm";
import type { HttpDependencies } from "../../dependencies.ts";
import { problemOf, toClientError } from "../../problem.ts";
import { type AnyRoute, defineRoute } from "../../route.ts";
import { openSse, type SseStream } from "../../sse.ts";
import { runSquadFor, squadSlugOf } from "../openai/run-squad.ts";
import { type ResolvedChat, resolvePartner } from "./resolve-partner.ts";

/** Talking to one member or model. */
export function chatRoutes(): AnyRoute[] {
  return [
    defineRoute({
      method: "POST",
      path: "/api/v1/agent/chat/stream",
      operationId: "streamChat",
      tag: "chat",
      summary: 'Streams an answer: data: {"chunk": "…"} …, then usage and cost',
      policy: "user",
      idempotency: "none",
      body: ChatBody,
      answer: null,
      stream: "text/event-stream",
      handle: async ({ db, caller, body, deps, request, reply }) => {
        const chat = await resolvePartner(db, caller, body);
        await streamChat({ db, caller, deps, request, reply, chat, message: body.message });
        return undefined;
      },
    }),
  ];
}

interface ChatParts {
  db: Store;
  caller: Caller;
  deps: HttpDependencies;
  request: FastifyRequest;
  reply: FastifyReply;
  chat: ResolvedChat;
  message: string;
}

function frame(value: ChatFrame): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

/**
 * Streams the answer and stores both sides. The stream opens with the first frame: what is refused before (an unknown
 * model, a used-up budget) is an ordinary error answer. Closing the connection cancels the call; what came is kept.
 */
async function streamChat(parts: ChatParts): Promise<void> {
  const { db, caller, deps, request, reply, chat } = parts;
  // A replica may be behind these: for a while it is not asked for what this caller reads.
  const written = () => deps.cache.invalidate([replicaTag(caller.userId)]);
  const { conversationId } = await addUserMessage(db, caller, chat.conversation, parts.message);
  await written();
  const abort = new AbortController();
  let stream: SseStream | null = null;
  let text = "";
  const open = (): SseStream => {
    if (!stream) {
      stream = openSse(reply, { headers: { "x-muster-conversation": conversationId } });
      stream.onClose(() => abort.abort());
    }
    return stream;
  };
  reply.raw.once("close", () => abort.abort());
  const onFrame = (one: LlmFrame): void => {
    if (one.type === "text") {
      text += one.text;
      open().write(frame({ chunk: one.text }));
    } else if (one.type === "reset") {
      text = "";
      open().write(frame({ reset: true, reason: one.reason }));
    } else if (one.type === "wait") open().write(frame({ waitUntilMs: Math.round(one.untilMs) }));
  };
  try {
    const answer = await ask(parts, abort.signal, onFrame);
    const messageId = await addAssistantMessage(db, conversationId, answer.text, answer.bill);
    await written();
    const sse = open();
    // Nothing was streamed where the answer came whole.
    if (text === "" && answer.text !== "") sse.write(frame({ chunk: answer.text }));
    sse.write(frame({ done: true, conversationId, messageId, ...answer.bill }));
    sse.end();
  } catch (error) {
    if (text !== "") await addAssistantMessage(db, conversationId, text, null).then(written);
    if (!stream) throw error;
    const problem = toClientError(error);
    if (!abort.signal.aborted) {
      deps.logger.warn({ err: error, requestId: request.id }, "a chat answer broke off");
      open().write(frame({ error: problemOf(problem, request.id) }));
    }
    open().end();
  }
}

interface ChatAnswer {
  text: string;
  bill: ChatBill;
}

async function ask(parts: ChatParts, signal: AbortSignal, onFrame: (frame: LlmFrame) => void): Promise<ChatAnswer> {
  const { db, caller, deps, chat } = parts;
  const slug = squadSlugOf(chat.model);
  if (slug !== null) {
    const run = await runSquadFor({ db, caller, deps, slug, messages: chat.messages, onStart: () => undefined });
    const result = await run.result((text) => onFrame({ type: "text", text }), signal);
    const usage = {
      inputTokens: result.inputTokens,
      cacheReadTokens: 0,
      outputTokens: result.outputTokens,
      estimated: false,
    };
    const costNanoUsd = result.costIncomplete ? null : result.costNanoUsd;
    return {
      text: result.text,
      bill: { model: chat.model, usage, costNanoUsd, savedNanoUsd: null, cacheResult: "bypass" },
    };
  }
  const call: LlmCall = {
    request: {
      model: chat.model,
      messages: chat.messages,
      ...(chat.fallbackModels.length > 0 ? { fallbackModels: chat.fallbackModels } : {}),
    },
    context: {
      callId: newId(),
      tenantId: caller.userId,
      squadId: chat.squadId,
      executionId: null,
      memberId: chat.memberId,
      lane: "interactive",
      cache: "auto",
      signal,
      deadlineMs: null,
    },
  };
  const reply = await deps.gateway.call(call, onFrame);
  if (reply.text === "" && reply.finishReason === "content_filter") {
    throw new AppError("provider_failed", "The provider withheld the answer (content filter). Ask differently.");
  }
  return { text: reply.text, bill: billOf(reply) };
}

function billOf(reply: LlmReply): ChatBill {
  const { inputTokens, cacheReadTokens, outputTokens, estimated } = reply.usage;
  return {
    model: reply.model,
    usage: { inputTokens, cacheReadTokens, outputTokens, estimated },
    costNanoUsd: reply.costNanoUsd,
    savedNanoUsd: reply.savedNanoUsd,
    cacheResult: reply.cacheResult,
  };
}
