import type { KeyObject } from "node:crypto";
import type { FrameSink, GatewayCall, GatewayMiddleware } from "../call-state.ts";
import { cacheKey } from "../canonical.ts";
import type { CachedAnswer, CacheStore } from "../stores/cache-store.ts";
import type { MemoryCache } from "../stores/memory-cache.ts";
import type { LlmFrame, LlmReply } from "../types.ts";

export interface CacheOptions {
  memory: MemoryCache;
  /** The level shared by all processes; absent: memory only. */
  store?: CacheStore | undefined;
  secret: KeyObject;
  ttlMs: number;
  now: () => number;
  /** A second level that fails is reported here and otherwise ignored. */
  onStoreError: (error: unknown) => void;
}

/*
 * Cache. Promise: an answer is served again only for exactly the same request of the same tenant (see `cacheKey`), only
 * if it was whole, and frame by frame as it first came; a streamed answer serves a JSON caller and the reverse. Asked
 * for are calls at temperature 0, or any with `cache: "force"`; failures, cut or length-limited answers and answers of a
 * fallback model are never kept. A hit costs 0 and says what it saved. The second level never delays storing and its
 * failure never fails a call. An execution's journal is not touched: it replays finished calls itself.
 */
export function cacheMiddleware(options: CacheOptions): GatewayMiddleware {
  const lookups = new Map<string, Promise<CachedAnswer | null>>();
  return (next) => (call, onFrame) => {
    const { state, context, request } = call;
    if (context.cache === "off" || (context.cache !== "force" && request.temperature !== 0)) return next(call, onFrame);
    const key = cacheKey(options.secret, context.tenantId, state.candidate, request);
    state.cacheKey = key;
    state.cacheResult = "miss";
    const kept = options.memory.get(key);
    if (kept !== null) return Promise.resolve(replay(call, kept, onFrame));
    return options.store === undefined
      ? askAndKeep(call, key, onFrame, next, options)
      : lookFurther(call, key, onFrame, next, options, options.store, lookups);
  };
}

/** Equal lookups at one time share one read of the second level. */
async function lookFurther(
  call: GatewayCall,
  key: string,
  onFrame: FrameSink,
  next: (call: GatewayCall, onFrame: FrameSink) => Promise<LlmReply>,
  options: CacheOptions,
  store: CacheStore,
  lookups: Map<string, Promise<CachedAnswer | null>>,
): Promise<LlmReply> {
  let lookup = lookups.get(key);
  if (lookup === undefined) {
    lookup = store
      .get(key)
      .catch((error: unknown) => {
        options.onStoreError(error);
        return null;
      })
      .finally(() => lookups.delete(key));
    lookups.set(key, lookup);
  }
  const found = await lookup;
  if (found === null) return askAndKeep(call, key, onFrame, next, options);
  const age = options.now() - found.storedAtMs;
  if (age < options.ttlMs) options.memory.set(key, found, tagsOf(call, found.reply), options.ttlMs - age);
  return replay(call, found, onFrame);
}

async function askAndKeep(
  call: GatewayCall,
  key: string,
  onFrame: FrameSink,
  next: (call: GatewayCall, onFrame: FrameSink) => Promise<LlmReply>,
  options: CacheOptions,
): Promise<LlmReply> {
  let frames: LlmFrame[] = [];
  const streamed = call.context.stream !== false;
  const sink: FrameSink = streamed
    ? (frame) => {
        if (frame.type === "reset") frames = [];
        else if (frame.type !== "wait") frames.push(frame);
        onFrame(frame);
      }
    : onFrame;
  const reply = await next(call, sink);
  if (reply.cacheResult === "miss" && isWhole(reply) && call.state.candidateIndex === 0) {
    const answer: CachedAnswer = {
      frames: frames.length > 0 ? frames : framesOf(reply),
      reply: { ...reply },
      costNanoUsd: reply.costNanoUsd,
      storedAtMs: options.now(),
    };
    const tags = tagsOf(call, reply);
    options.memory.set(key, answer, tags, options.ttlMs);
    options.store?.set(key, answer, tags, options.ttlMs).catch(options.onStoreError);
  }
  return reply;
}

function tagsOf(call: GatewayCall, reply: LlmReply) {
  return { tenantId: call.context.tenantId, squadId: call.context.squadId, model: reply.model };
}

/** Cut by a limit is not whole: the limit may have been the budget's, and a filter's verdict may change. */
function isWhole(reply: LlmReply): boolean {
  return reply.finishReason === "stop" || reply.finishReason === "tool_calls";
}

/** The frames of an answer that came in one piece. */
export function framesOf(reply: LlmReply): LlmFrame[] {
  const frames: LlmFrame[] = [];
  if (reply.reasoning !== "") frames.push({ type: "reasoning", text: reply.reasoning });
  if (reply.text !== "") frames.push({ type: "text", text: reply.text });
  for (const [index, { id, name, arguments: argumentsDelta }] of reply.toolCalls.entries()) {
    frames.push({ type: "tool-call", index, id, name, argumentsDelta });
  }
  return frames;
}

function replay(call: GatewayCall, kept: CachedAnswer, onFrame: FrameSink): LlmReply {
  call.state.cacheResult = "hit";
  if (call.context.stream !== false) for (const frame of kept.frames) onFrame(frame);
  return {
    ...kept.reply,
    // The caller owns its reply: what it does to it must not reach the cache.
    toolCalls: kept.reply.toolCalls.map((toolCall) => ({ ...toolCall })),
    usage: { ...kept.reply.usage },
    cacheResult: "hit",
    costNanoUsd: 0,
    savedNanoUsd: kept.costNanoUsd,
  };
}
