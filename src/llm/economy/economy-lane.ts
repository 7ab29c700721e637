import { createHash } from "node:crypto";
import type { FrameSink, GatewayCall, GatewayHandler } from "../call-state.ts";
import { LlmError } from "../errors.ts";
import { sleep } from "../middleware/retry.ts";
import { countUsage } from "../middleware/usage.ts";
import { BATCH_DISCOUNT } from "../prices.ts";
import { MessagesParser } from "../providers/anthropic-messages.ts";
import type { HttpProvider } from "../providers/http-provider.ts";
import { ChatParser } from "../providers/openai-chat.ts";
import type { ProviderAccount } from "../providers/provider.ts";
import type { LlmReply } from "../types.ts";
import {
  anthropicBatchClient,
  type BatchClient,
  type BatchItem,
  type BatchResults,
  openAiBatchClient,
} from "./batch-clients.ts";
import type { EconomyStore } from "./economy-store.ts";

/** Contract: resolves with the answer of the provider's batch, or with that of `live` once the call's time is up. */
export interface EconomyLane {
  complete(call: GatewayCall, onFrame: FrameSink, live: GatewayHandler): Promise<LlmReply>;
  close(): Promise<void>;
}

export interface EconomyLaneOptions {
  http: HttpProvider;
  store: EconomyStore;
  now: () => number;
  /** Calls per batch, and how long the first waits for others. Defaults: 500 and one minute. */
  size?: number;
  collectMs?: number;
  /** Default one minute. */
  pollMs?: number;
  /** After this a call without a deadline of its own goes live; default 23 hours, an hour before the providers give up. */
  patienceMs?: number;
  onError: (error: unknown) => void;
}

interface Waiting {
  item: BatchItem;
  /** Null: the batch is over and has no result for it. */
  resolve: (result: { answer: unknown } | { error: string } | null) => void;
  gone: boolean;
}

interface Collecting {
  account: ProviderAccount;
  waiting: Waiting[];
  timer: NodeJS.Timeout;
}

const HOUR_MS = 3_600_000;

/**
 * Calls that may take hours, at about half the price. They are collected per account into batches, whose ids are kept
 * before anything waits for them, so that a call asked again after a restart joins its batch instead of being paid
 * twice. A failed item fails its own call; a batch that fails, expires or takes too long sends its calls live.
 */
export function createEconomyLane(options: EconomyLaneOptions): EconomyLane {
  const batches = new Batches(options);
  return {
    async complete(call, onFrame, live) {
      const { state, context, request } = call;
      const { account, model } = state.candidate;
      if (!batches.serves(account)) return live(call, onFrame);
      const key = createHash("sha256").update(`${context.tenantId}\n${context.callId}`).digest("base64url");
      const item: BatchItem = {
        key,
        call: { account, request: { ...request, model }, maxOutputTokens: state.maxOutputTokens },
      };
      const result = await batches.resultOf(item, call);
      await options.store.forget(key);
      if (result === null) return live(call, onFrame);
      state.discount = BATCH_DISCOUNT;
      if ("error" in result)
        throw new LlmError("bad_request", `The provider refused the call in its batch: ${result.error}`);
      const reply = replyOf(call, result.answer, onFrame);
      reply.costNanoUsd = countUsage(call, reply.usage);
      return reply;
    },
    close: () => batches.close(),
  };
}

type ItemResult = { answer: unknown } | { error: string };

class Batches {
  readonly #options: EconomyLaneOptions &
    Required<Pick<EconomyLaneOptions, "size" | "collectMs" | "pollMs" | "patienceMs">>;
  readonly #clients: Partial<Record<ProviderAccount["kind"], BatchClient>>;
  readonly #collecting = new Map<string, Collecting>();
  /** Calls that wait for a batch, by the batch's id. */
  readonly #batches = new Map<string, Waiting[]>();
  readonly #closing = new AbortController();

  constructor(options: EconomyLaneOptions) {
    this.#options = { size: 500, collectMs: 60_000, pollMs: 60_000, patienceMs: 23 * HOUR_MS, ...options };
    this.#clients = { openai: openAiBatchClient(options.http), anthropic: anthropicBatchClient(options.http) };
  }

  serves(account: ProviderAccount): boolean {
    return this.#clients[account.kind] !== undefined;
  }

  /** The item's result; null when it must go live. */
  async resultOf(item: BatchItem, call: GatewayCall): Promise<ItemResult | null> {
    const { store } = this.#options;
    const entry = await store.find(item.key);
    if (entry?.state === "done") return { answer: JSON.parse(entry.result ?? "null") as unknown };
    if (entry?.state === "failed") return { error: entry.result ?? "The provider gave no reason." };
    const joins = entry?.state === "submitted" && entry.batchId !== null ? entry.batchId : null;
    if (joins === null) await store.wait(item.key, item.call.account.id);
    const result = await this.#wait(item, call, joins);
    // A process that ends leaves its calls where the next one finds them.
    if (result === null && this.#closing.signal.aborted)
      throw new LlmError("cancelled", "The gateway is shutting down.");
    return result;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const group of this.#collecting.values()) {
      clearTimeout(group.timer);
      for (const waiting of group.waiting) waiting.resolve(null);
    }
    this.#collecting.clear();
  }

  #wait(item: BatchItem, call: GatewayCall, batchId: string | null): Promise<ItemResult | null> {
    const { now, patienceMs } = this.#options;
    const { signal, deadlineMs } = call.context;
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        clearTimeout(timer);
        waiting.gone = true;
        signal.removeEventListener("abort", abort);
      };
      const waiting: Waiting = {
        item,
        gone: false,
        resolve: (result) => {
          finish();
          resolve(result);
        },
      };
      const abort = (): void => {
        finish();
        reject(new LlmError("cancelled", "The call was cancelled."));
      };
      const until = Math.min(deadlineMs ?? Number.POSITIVE_INFINITY, now() + patienceMs);
      const timer = setTimeout(() => waiting.resolve(null), Math.min(Math.max(1, until - now()), 2_147_483_647));
      signal.addEventListener("abort", abort, { once: true });
      if (signal.aborted) abort();
      else if (batchId !== null) this.#follow(item.call.account, batchId, [waiting]);
      else this.#collect(item, waiting);
    });
  }

  #collect(item: BatchItem, waiting: Waiting): void {
    const { account } = item.call;
    let group = this.#collecting.get(account.id);
    if (group === undefined) {
      const timer = setTimeout(() => void this.#submit(account.id), this.#options.collectMs);
      group = { account, waiting: [], timer };
      this.#collecting.set(account.id, group);
    }
    group.waiting.push(waiting);
    if (group.waiting.length >= this.#options.size) void this.#submit(account.id);
  }

  async #submit(accountId: string): Promise<void> {
    const group = this.#collecting.get(accountId);
    if (group === undefined) return;
    this.#collecting.delete(accountId);
    clearTimeout(group.timer);
    const present = group.waiting.filter((waiting) => !waiting.gone);
    if (present.length === 0) return;
    const client = this.#clients[group.account.kind] as BatchClient;
    const items = present.map(({ item }) => item);
    try {
      const batchId = await client.submit(group.account, items, this.#closing.signal);
      await this.#options.store.submitted(
        items.map(({ key }) => key),
        batchId,
      );
      this.#follow(group.account, batchId, present);
    } catch (error) {
      this.#options.onError(error);
      for (const waiting of present) waiting.resolve(null);
    }
  }

  #follow(account: ProviderAccount, batchId: string, waiting: Waiting[]): void {
    const known = this.#batches.get(batchId);
    if (known !== undefined) {
      known.push(...waiting);
      return;
    }
    this.#batches.set(batchId, waiting);
    this.#poll(account, batchId)
      .catch(this.#options.onError)
      .finally(() => {
        for (const one of this.#batches.get(batchId) ?? []) one.resolve(null);
        this.#batches.delete(batchId);
      });
  }

  async #poll(account: ProviderAccount, batchId: string): Promise<void> {
    const client = this.#clients[account.kind] as BatchClient;
    const { signal } = this.#closing;
    for (;;) {
      await sleep(this.#options.pollMs, signal);
      if ((this.#batches.get(batchId) ?? []).every((waiting) => waiting.gone)) {
        await client.cancel(account, batchId, signal);
        return;
      }
      const status = await client.status(account, batchId, signal).catch((error: unknown) => {
        // A provider that is away now is asked again; the callers' own deadlines bound the wait.
        this.#options.onError(error);
        return "running" as const;
      });
      if (status === "failed") return;
      if (status === "ended") return this.#deliver(batchId, await client.results(account, batchId, signal));
    }
  }

  async #deliver(batchId: string, results: BatchResults): Promise<void> {
    const { store } = this.#options;
    const waiting = new Map((this.#batches.get(batchId) ?? []).map((one) => [one.item.key, one]));
    for (const [key, result] of results) {
      if ("answer" in result) await store.finish(key, "done", JSON.stringify(result.answer));
      else await store.finish(key, "failed", result.error);
      waiting.get(key)?.resolve(result);
    }
  }
}

function replyOf(call: GatewayCall, json: unknown, onFrame: FrameSink): LlmReply {
  const { state, request } = call;
  const { candidate } = state;
  const Parser = candidate.account.kind === "anthropic" ? MessagesParser : ChatParser;
  const parser = new Parser(request, "The batch", onFrame);
  parser.body(json);
  return {
    ...parser.answer(),
    model: candidate.model,
    provider: candidate.account.kind,
    accountId: candidate.accountId,
    costNanoUsd: null,
    savedNanoUsd: null,
    cacheResult: state.cacheResult,
    trimmed: state.trimmed,
    attempts: state.attempt,
    latencyMs: 0,
    timeToFirstTokenMs: 0,
    rateWaitMs: 0,
  };
}
