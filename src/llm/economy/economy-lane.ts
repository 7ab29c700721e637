import { createHash } from "node:crypto";
import type { FrameSink, GatewayCall, GatewayHandler } from "../call-state.ts";
import { LlmError } from "../errors.ts";
import { countUsage } from "../middleware/usage.ts";
import { BATCH_DISCOUNT, costBounds } from "../prices.ts";
import type { LlmReply } from "../types.ts";
import { BatchRunner, type BatchRunnerOptions, batchAnswerParser } from "./batch-runner.ts";
import type { EconomyCall, EconomyEntry } from "./economy-store.ts";

/** Contract: resolves with the answer of the provider's batch, or with that of `live` once the call's time is up. */
export interface EconomyLane {
  complete(call: GatewayCall, onFrame: FrameSink, live: GatewayHandler): Promise<LlmReply>;
  /** Goes on with what other processes and former lives of this one left; again and again, until `close`. */
  start(): void;
  close(): Promise<void>;
}

export interface EconomyLaneOptions extends Omit<BatchRunnerOptions, "size" | "collectMs" | "turnMs"> {
  /** Calls per batch, and how long the first waits for others. Defaults: 500 and one minute. */
  size?: number;
  collectMs?: number;
  /** Between two looks at open batches; default half a minute. */
  pollMs?: number;
  /** Between two looks for work of others while this process has none; default one minute. */
  idleMs?: number;
  /** After this a call without a deadline of its own goes live; default 23 hours, an hour before the providers give up. */
  patienceMs?: number;
  /** A process that died is stood in for after this; default three minutes. */
  turnMs?: number;
}

const HOUR_MS = 3_600_000;
const LONGEST_TIMER_MS = 2_147_483_647;

/**
 * Calls that may take hours, at about half the price. They are kept with their request before anything is sent, collected
 * by account and model into batches, and found again by their key: a call asked again after a restart joins what is under
 * way instead of being paid twice. A failed item fails its own call; a batch that fails, expires or takes too long sends
 * its calls live.
 */
export function createEconomyLane(options: EconomyLaneOptions): EconomyLane {
  return new Lane(options);
}

interface Waiter {
  call: GatewayCall;
  settle: (entry: EconomyEntry) => void;
}

class Lane implements EconomyLane {
  readonly #options: EconomyLaneOptions &
    Required<Pick<EconomyLaneOptions, "size" | "pollMs" | "idleMs" | "patienceMs">>;
  readonly #runner: BatchRunner;
  readonly #waiters = new Map<string, Set<Waiter>>();
  readonly #closing = new AbortController();
  #started = false;
  #timer: NodeJS.Timeout | null = null;
  #looking: Promise<void> | null = null;
  #again = false;

  constructor(options: EconomyLaneOptions) {
    const filled = { size: 500, collectMs: 60_000, turnMs: 180_000, ...options };
    this.#runner = new BatchRunner(filled);
    this.#options = { pollMs: 30_000, idleMs: 60_000, patienceMs: 23 * HOUR_MS, ...filled };
  }

  async complete(call: GatewayCall, onFrame: FrameSink, live: GatewayHandler): Promise<LlmReply> {
    const { account } = call.state.candidate;
    if (!this.#runner.serves(account.kind)) return live(call, onFrame);
    const { store } = this.#options;
    const economyCall = this.#describe(call);
    const { key } = economyCall;
    const entry = await this.#outcomeOf(economyCall, call);
    switch (entry.state) {
      case "done":
        return this.#answer(call, key, entry, onFrame);
      case "failed":
        // Asked again it may be another model's turn, or the provider's better day.
        await store.forget(key);
        throw new LlmError("bad_request", `The provider refused the call in its batch: ${entry.result}`);
      case "cancelled":
        await store.release(key);
        throw new LlmError("cancelled", "The batch of this call was cancelled.");
      default:
        await store.beginLive(key);
        return live(call, onFrame);
    }
  }

  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#look();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#looking;
    await this.#runner.close().catch(this.#options.onError);
  }

  #describe(call: GatewayCall): EconomyCall {
    const { state, context, request } = call;
    const { account, accountId, model, price } = state.candidate;
    const { now, patienceMs } = this.#options;
    const { squadId, executionId, memberId } = context;
    const hash = createHash("sha256");
    hash.update(`${context.tenantId}\n${context.deferKey ?? context.callId}\n${account.id}\n${model}`);
    return {
      key: hash.digest("base64url"),
      userId: context.tenantId,
      callId: context.callId,
      accountId: account.id,
      provider: account.kind,
      model,
      request: {
        request: { ...request, model },
        maxOutputTokens: state.maxOutputTokens,
        ...(state.cacheSeams === null ? {} : { cacheSeams: state.cacheSeams }),
      },
      booking: { squadId, executionId, memberId, accountId, price },
      mostNanoUsd: mostOf(call),
      deadlineMs: Math.min(context.liveAtMs ?? context.deadlineMs ?? Number.POSITIVE_INFINITY, now() + patienceMs),
    };
  }

  async #outcomeOf(economyCall: EconomyCall, call: GatewayCall): Promise<EconomyEntry> {
    const { store } = this.#options;
    const entry = await store.join(economyCall);
    if (entry.state !== "waiting" && entry.state !== "submitted") return entry;
    return this.#wait(economyCall.key, entry, call);
  }

  #wait(key: string, entry: EconomyEntry, call: GatewayCall): Promise<EconomyEntry> {
    const { now, store, onError, size } = this.#options;
    const { signal } = call.context;
    const closing = this.#closing.signal;
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", leave);
        closing.removeEventListener("abort", leave);
        const left = this.#waiters.get(key);
        left?.delete(waiter);
        if (left?.size === 0) this.#waiters.delete(key);
      };
      const waiter: Waiter = {
        call,
        settle: (found) => {
          finish();
          resolve(found);
        },
      };
      // Leaving is not cancelling: the caller may come back after a restart. Its execution's end tells (store.prune).
      const leave = (): void => {
        finish();
        reject(
          new LlmError("cancelled", closing.aborted ? "The gateway is shutting down." : "The call was cancelled."),
        );
      };
      const escalate = async (): Promise<void> => {
        try {
          const found = (await store.goLive(key)) ?? { ...entry, state: "live" as const };
          if (found.state !== "waiting" && found.state !== "submitted") return waiter.settle(found);
          // The budget has no room for the batch's answer and a live one: the batch's end decides.
        } catch (error) {
          onError(error);
        }
        if (this.#waiters.get(key)?.has(waiter) === true) timer = setTimeout(escalate, this.#options.pollMs);
      };
      let timer = setTimeout(escalate, Math.min(Math.max(1, entry.deadlineMs - now()), LONGEST_TIMER_MS));
      signal.addEventListener("abort", leave, { once: true });
      closing.addEventListener("abort", leave, { once: true });
      if (signal.aborted || closing.aborted) return leave();
      const waiters = this.#waiters.get(key) ?? new Set();
      this.#waiters.set(key, waiters.add(waiter));
      if (this.#waiters.size % size === 0) this.#look();
      else this.#lookLater(this.#options.pollMs);
    });
  }

  /** Runs a round, tells the waiters what was found, and plans the next. */
  #look(): void {
    if (this.#looking !== null) {
      this.#again = true;
      return;
    }
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#looking = this.#lookOnce().then((busy) => {
      this.#looking = null;
      const again = this.#again;
      this.#again = false;
      if (again) this.#look();
      else if (busy || this.#waiters.size > 0) this.#lookLater(this.#options.pollMs);
      else if (this.#started) this.#lookLater(this.#options.idleMs);
    });
  }

  async #lookOnce(): Promise<boolean> {
    try {
      const busy = await this.#runner.round(this.#closing.signal);
      await this.#tellWaiters();
      return busy;
    } catch (error) {
      // The database is away: the waiters' own deadlines bound the wait.
      if (!this.#closing.signal.aborted) this.#options.onError(error);
      return true;
    }
  }

  async #tellWaiters(): Promise<void> {
    const keys = [...this.#waiters.keys()];
    if (keys.length === 0) return;
    const found = await this.#options.store.find(keys);
    for (const key of keys) {
      const entry = found.get(key);
      if (entry?.state === "waiting" || entry?.state === "submitted") continue;
      // Someone forgot it meanwhile: it can only go live.
      const outcome = entry ?? { state: "live" as const, result: null, deadlineMs: 0 };
      for (const waiter of [...(this.#waiters.get(key) ?? [])]) waiter.settle(outcome);
    }
  }

  #lookLater(delayMs: number): void {
    if (this.#timer !== null || this.#looking !== null || this.#closing.signal.aborted) return;
    this.#timer = setTimeout(() => this.#look(), delayMs);
    this.#timer.unref();
  }

  async #answer(call: GatewayCall, key: string, entry: EconomyEntry, onFrame: FrameSink): Promise<LlmReply> {
    const { state, request } = call;
    const { candidate } = state;
    const json: unknown = JSON.parse(entry.result ?? "null");
    const parser = batchAnswerParser(candidate.account.kind, json, request, onFrame);
    try {
      parser.body(json);
    } catch (error) {
      await this.#options.store.forget(key);
      throw error;
    }
    const reply: LlmReply = {
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
    state.discount = BATCH_DISCOUNT;
    reply.costNanoUsd = countUsage(call, reply.usage);
    return reply;
  }
}

/** The most that the call can cost in a batch. */
function mostOf(call: GatewayCall): number | null {
  const { state } = call;
  const { price } = state.candidate;
  if (price === null) return null;
  const bounds = costBounds(price, state.inputTokens(call).bound);
  return Math.ceil((bounds.inputNanoUsd + state.maxOutputTokens * bounds.outputNanoUsdPerToken) * BATCH_DISCOUNT);
}
