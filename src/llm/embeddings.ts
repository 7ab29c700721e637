import { createHmac, type KeyObject } from "node:crypto";
import type { CacheResult, ProviderKind } from "#contracts";
import { CallState, type GatewayCall } from "./call-state.ts";
import { asLlmError, isRepeatable, LlmError } from "./errors.ts";
import type { GatewayLedger } from "./ledger/block-ledger.ts";
import { MicroBatcher } from "./micro-batcher.ts";
import { budgetMiddleware } from "./middleware/budget.ts";
import { sleep } from "./middleware/retry.ts";
import { traceMiddleware } from "./middleware/trace.ts";
import { usageMiddleware } from "./middleware/usage.ts";
import type { ProviderAccount, ProviderTimeouts } from "./providers/provider.ts";
import type { RateGovernor } from "./rate/rate-governor.ts";
import type { LlmObserver } from "./records.ts";
import type { Candidate, Router } from "./routing.ts";
import type { CacheStore } from "./stores/cache-store.ts";
import type { MemoryCache } from "./stores/memory-cache.ts";
import { expectedTokens } from "./tokens.ts";
import type { LlmCallContext, LlmReply, LlmUsage } from "./types.ts";

export interface EmbedCall {
  model: string;
  inputs: string[];
  dimensions?: number;
  context: LlmCallContext;
}

export interface EmbedReply {
  /** In the order of the inputs. */
  vectors: number[][];
  usage: LlmUsage;
  model: string;
  provider: ProviderKind;
  accountId: string | null;
  costNanoUsd: number | null;
  savedNanoUsd: number | null;
  cacheResult: CacheResult;
  latencyMs: number;
}

export interface EmbedderOptions {
  /** Inputs per request, default 10, and how long the first waits for others, default 500 ms. */
  size?: number;
  waitMs?: number;
  accounts: { list(tenantId: string): readonly ProviderAccount[] | Promise<readonly ProviderAccount[]> };
  router: Router;
  governor: RateGovernor;
  ledger: GatewayLedger;
  observers: readonly LlmObserver[];
  timeouts: ProviderTimeouts;
  memory: MemoryCache;
  store?: CacheStore | undefined;
  secret: KeyObject;
  ttlMs: number;
  now: () => number;
  onError: (error: unknown) => void;
}

interface Item {
  text: string;
  context: LlmCallContext;
  candidate: Candidate;
  dimensions: number | undefined;
}

interface Embedded {
  vector: number[];
  tokens: number;
}

const ATTEMPTS = 3;

/**
 * Embeddings through the same budget, limits, bill and cache as chat calls. Each input is cached by itself; inputs of
 * calls that may wait are sent together (`size` or `waitMs`), an interactive call is sent at once; one bad input fails
 * its own call only.
 */
export function embedder(options: EmbedderOptions): (call: EmbedCall) => Promise<EmbedReply> {
  const batcher = new MicroBatcher<Item, Embedded>({
    size: options.size ?? 10,
    waitMs: options.waitMs ?? 500,
    run: (_group, items) => send(items, options),
    mayBeOneItem: (error) =>
      error instanceof LlmError && (error.kind === "bad_request" || error.kind === "context_too_long"),
  });
  return async (call) => {
    const accounts = await options.accounts.list(call.context.tenantId);
    let candidate: Candidate;
    try {
      candidate = options.router.resolve([call.model], accounts)[0] as Candidate;
    } catch (error) {
      throw asLlmError(error);
    }
    return run(call, candidate, batcher, options);
  };
}

async function run(
  call: EmbedCall,
  candidate: Candidate,
  batcher: MicroBatcher<Item, Embedded>,
  options: EmbedderOptions,
): Promise<EmbedReply> {
  const { context } = call;
  const keys = call.inputs.map((text) => keyOf(options.secret, context.tenantId, candidate, call.dimensions, text));
  const vectors: (number[] | null)[] = await Promise.all(keys.map((key) => lookUp(key, context, options)));
  const missing = vectors.flatMap((vector, index) => (vector === null ? [index] : []));
  const state = new CallState([candidate]);
  state.cacheResult = context.cache === "off" ? "bypass" : missing.length === 0 ? "hit" : "miss";
  const messages = missing.map((index) => ({ role: "user" as const, content: call.inputs[index] as string }));
  const gatewayCall: GatewayCall = {
    request: { model: call.model, messages, maxOutputTokens: 0 },
    context: { ...context, stream: false },
    state,
  };
  const embedMissing = async (): Promise<LlmReply> => {
    const items = missing.map((index) => ({
      text: call.inputs[index] as string,
      context,
      candidate,
      dimensions: call.dimensions,
    }));
    const group = `${context.tenantId}\n${candidate.account.id}\n${candidate.model}\n${call.dimensions ?? ""}`;
    const startedAt = performance.now();
    const embedded = items.length === 0 ? [] : await batcher.add(group, items, context.lane === "interactive");
    state.providerMs += performance.now() - startedAt;
    for (const [position, index] of missing.entries()) vectors[index] = (embedded[position] as Embedded).vector;
    const usage = usageOf(embedded);
    const reply = replyOf(candidate, usage, state.cacheResult);
    if (context.cache !== "off") keep(embedded, missing, keys, reply, context, options);
    return reply;
  };
  const budgeted = budgetMiddleware({ ledger: options.ledger })(usageMiddleware()(embedMissing));
  const traced = traceMiddleware({ observers: options.observers, now: options.now })(
    missing.length === 0
      ? () => Promise.resolve({ ...replyOf(candidate, usageOf([]), "hit"), costNanoUsd: 0 })
      : budgeted,
  );
  const reply = await traced(gatewayCall, () => {});
  return {
    vectors: vectors as number[][],
    usage: reply.usage,
    model: reply.model,
    provider: reply.provider,
    accountId: reply.accountId,
    costNanoUsd: reply.costNanoUsd,
    savedNanoUsd: reply.savedNanoUsd,
    cacheResult: reply.cacheResult,
    latencyMs: reply.latencyMs,
  };
}

/** One request for a batch; repeated on what is safe to repeat. Limits are those of the first item's account. */
async function send(items: Item[], options: EmbedderOptions): Promise<Embedded[]> {
  const first = items[0] as Item;
  const { candidate } = first;
  if (candidate.client.embed === undefined) {
    throw new LlmError("bad_request", `${candidate.model} makes no embeddings; choose an embedding model.`);
  }
  // The batch goes on as long as one of its callers is there.
  const controller = new AbortController();
  let present = items.length;
  const leave = (): void => {
    present -= 1;
    if (present === 0) controller.abort();
  };
  for (const item of items) item.context.signal.addEventListener("abort", leave, { once: true });
  const inputs = items.map((item) => item.text);
  try {
    for (let attempt = 1; ; attempt += 1) {
      const permit = await options.governor.lane(candidate).acquire({
        group: first.context.squadId ?? first.context.tenantId,
        background: first.context.lane !== "interactive",
        tokens: inputs.reduce((sum, text) => sum + expectedTokens(text), 0),
        deadlineMs: first.context.deadlineMs,
        signal: controller.signal,
        onWait: () => {},
      });
      try {
        const answer = await candidate.client.embed({
          account: candidate.account,
          model: candidate.model,
          inputs,
          ...(first.dimensions === undefined ? {} : { dimensions: first.dimensions }),
          timeouts: options.timeouts,
          signal: controller.signal,
          onLimits: (limits) => options.governor.learn(candidate, limits),
        });
        permit.onSent();
        permit.onAccepted();
        permit.end(answer.usage, null);
        return share(inputs, answer.vectors, answer.usage);
      } catch (thrown) {
        const error = asLlmError(thrown);
        permit.onSent();
        permit.end(null, error);
        if (!isRepeatable(error) || attempt >= ATTEMPTS) throw error;
        if (error.kind !== "rate_limited") await sleep(error.retryAfterMs ?? 250 * attempt, controller.signal);
      }
    }
  } finally {
    for (const item of items) item.context.signal.removeEventListener("abort", leave);
  }
}

/** Splits the tokens of a request among its inputs by their likely size, so that the parts add up to the whole. */
function share(inputs: string[], vectors: number[][], usage: LlmUsage): Embedded[] {
  const sizes = inputs.map((text) => Math.max(1, expectedTokens(text)));
  let sizeLeft = sizes.reduce((sum, size) => sum + size, 0);
  let tokensLeft = usage.inputTokens;
  return inputs.map((_, index) => {
    const size = sizes[index] as number;
    const tokens = Math.round((tokensLeft * size) / sizeLeft);
    sizeLeft -= size;
    tokensLeft -= tokens;
    return { vector: vectors[index] as number[], tokens };
  });
}

function usageOf(embedded: readonly Embedded[]): LlmUsage {
  return {
    inputTokens: embedded.reduce((sum, one) => sum + one.tokens, 0),
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    outputTokens: 0,
    reasoningTokens: 0,
    estimated: false,
  };
}

function replyOf(candidate: Candidate, usage: LlmUsage, cacheResult: CacheResult): LlmReply {
  return {
    text: "",
    reasoning: "",
    toolCalls: [],
    finishReason: "stop",
    usage,
    model: candidate.model,
    provider: candidate.account.kind,
    accountId: candidate.accountId,
    costNanoUsd: null,
    savedNanoUsd: null,
    cacheResult,
    trimmed: null,
    attempts: 1,
    latencyMs: 0,
    timeToFirstTokenMs: 0,
    rateWaitMs: 0,
  };
}

function keyOf(
  secret: KeyObject,
  tenantId: string,
  candidate: Candidate,
  dimensions: number | undefined,
  text: string,
): string {
  const fields = [
    "embedding",
    1,
    tenantId,
    candidate.account.id,
    candidate.account.baseUrl,
    candidate.model,
    dimensions ?? null,
    text,
  ];
  return createHmac("sha256", secret).update(JSON.stringify(fields)).digest("base64url");
}

/** A vector is kept as the text of an answer: one form of entry for both levels of the cache. */
async function lookUp(key: string, context: LlmCallContext, options: EmbedderOptions): Promise<number[] | null> {
  if (context.cache === "off") return null;
  let kept = options.memory.get(key);
  if (kept === null && options.store !== undefined) {
    kept = await options.store.get(key).catch((error: unknown) => {
      options.onError(error);
      return null;
    });
  }
  return kept === null ? null : (JSON.parse(kept.reply.text) as number[]);
}

function keep(
  embedded: readonly Embedded[],
  missing: readonly number[],
  keys: readonly string[],
  reply: LlmReply,
  context: LlmCallContext,
  options: EmbedderOptions,
): void {
  const tags = { tenantId: context.tenantId, squadId: context.squadId, model: reply.model };
  for (const [position, index] of missing.entries()) {
    const { vector, tokens } = embedded[position] as Embedded;
    const answer = {
      frames: [],
      reply: { ...reply, text: JSON.stringify(vector), usage: { ...reply.usage, inputTokens: tokens } },
      costNanoUsd: null,
      storedAtMs: options.now(),
    };
    options.memory.set(keys[index] as string, answer, tags, options.ttlMs);
    options.store?.set(keys[index] as string, answer, tags, options.ttlMs).catch(options.onError);
  }
}
