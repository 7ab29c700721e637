import { createHash, randomUUID } from "node:crypto";
import type { ProviderKind } from "#contracts";
import type { FrameSink } from "../call-state.ts";
import { asLlmError, isRepeatable, type LlmError } from "../errors.ts";
import { BATCH_DISCOUNT, costOf } from "../prices.ts";
import { MessagesParser } from "../providers/anthropic-messages.ts";
import type { HttpProvider } from "../providers/http-provider.ts";
import { ChatParser } from "../providers/openai-chat.ts";
import { ResponsesParser } from "../providers/openai-responses.ts";
import type { ProviderAccount } from "../providers/provider.ts";
import type { AnswerParser } from "../providers/wire-reader.ts";
import type { LlmCallRecord } from "../records.ts";
import { usageRow } from "../stores/postgres-ledger.ts";
import { requestTokens } from "../tokens.ts";
import type { LlmRequest, LlmUsage } from "../types.ts";
import { anthropicBatchClient, type BatchClient, openAiBatchClient } from "./batch-clients.ts";
import type { EconomyStore, ItemOutcome, OpenBatch, OrphanCall } from "./economy-store.ts";

export interface BatchRunnerOptions {
  http: HttpProvider;
  store: EconomyStore;
  /**
   * The account a stored call was meant for; null when it is gone. `following` what was handed over, one that takes no new
   * calls will do; should it be away for the time being only, this rejects.
   */
  accountOf: (userId: string, accountId: string, following: boolean) => Promise<ProviderAccount | null>;
  /** Writes the bill of answers that nobody waits for any more. */
  book: (records: LlmCallRecord[]) => Promise<void>;
  /** Calls per batch, and how long the first waits for others. */
  size: number;
  collectMs: number;
  /** How long the right to hand over and ask lasts: longer than any one exchange with a provider. */
  turnMs: number;
  /** How long one exchange with a provider may take; default two minutes. */
  exchangeMs?: number;
  now: () => number;
  onError: (error: unknown) => void;
}

const HOUR_MS = 3_600_000;
/** Providers end a batch within a day; one that they do not let Muster ask after for so long is not waited for. */
const refusedMs = 48 * HOUR_MS;
/** After this they have deleted the results (29 days at Anthropic, 30 at OpenAI): until then an outage may end. */
const unreachableMs = 30 * 24 * HOUR_MS;

/** Parses the JSON of a provider's whole answer. */
export function batchAnswerParser(
  kind: ProviderKind,
  json: unknown,
  request: LlmRequest,
  onFrame: FrameSink,
): AnswerParser {
  if (kind === "anthropic") return new MessagesParser(request, "The batch", onFrame);
  const { object } = (json ?? {}) as { object?: string };
  const Parser = object === "response" ? ResponsesParser : ChatParser;
  return new Parser(request, "The batch", onFrame);
}

/**
 * Hands deferred calls over in batches and brings the results home. Any number of processes may run it: one of them has
 * the turn and does the work of all, whoever asked for the calls, so that what a dead process left is gone on with.
 */
export class BatchRunner {
  readonly #options: BatchRunnerOptions;
  readonly #clients: Partial<Record<ProviderKind, BatchClient>>;
  readonly #id = randomUUID();

  constructor(options: BatchRunnerOptions) {
    this.#options = options;
    const { http, exchangeMs } = options;
    this.#clients = { openai: openAiBatchClient(http, exchangeMs), anthropic: anthropicBatchClient(http, exchangeMs) };
  }

  serves(kind: ProviderKind): boolean {
    return this.#clients[kind] !== undefined;
  }

  /** One round; false when there is nothing to do, or another process does it. Faults of one batch stay with it. */
  async round(signal: AbortSignal): Promise<boolean> {
    const { store, turnMs, size, collectMs, onError } = this.#options;
    if (!(await store.takeTurn(this.#id, turnMs))) return false;
    await this.#dropLeftAnswers();
    await store.prune();
    while (await store.makeBatch({ size, collectMs }));
    for (const batch of await store.openBatches()) {
      // An exchange may have taken long: the turn must last through the next one.
      if (signal.aborted || !(await store.takeTurn(this.#id, turnMs))) break;
      await this.#goOn(batch, signal).catch(onError);
    }
    return true;
  }

  /** Lets another process go on at once. */
  async close(): Promise<void> {
    await this.#options.store.endTurn(this.#id);
  }

  async #goOn(batch: OpenBatch, signal: AbortSignal): Promise<void> {
    const { store, accountOf, now } = this.#options;
    try {
      const account = await accountOf(batch.userId, batch.accountId, batch.attempts > 0);
      const client = account === null ? undefined : this.#clients[account.kind];
      if (account === null || client === undefined) {
        // Handed over, it is the provider's to charge, though nobody can ask for its answers any more.
        if (batch.attempts > 0) await this.#lose(batch.id, "The provider account is gone.");
        else await store.refused(batch.id, "The provider account is gone.");
      } else if (batch.providerBatchId === null) {
        await this.#submit(batch, account, client, signal);
      } else {
        await this.#follow({ ...batch, providerBatchId: batch.providerBatchId }, account, client, signal);
      }
    } catch (thrown) {
      const error = asLlmError(thrown);
      const waitMs = error.kind === "internal" || isRepeatable(error) ? unreachableMs : refusedMs;
      if (!signal.aborted && now() - batch.createdAtMs > waitMs) {
        if (batch.attempts > 0) await this.#lose(batch.id, error.message);
        else await store.refused(batch.id, error.message);
      }
      throw error;
    }
  }

  async #lose(batchId: string, error: string): Promise<void> {
    const { store, now } = this.#options;
    const calls = await store.orphans(batchId, { waiting: true });
    const atMs = now();
    await store.lost(
      batchId,
      error,
      calls.map((call) => lostRow(call, batchId, atMs)),
    );
  }

  async #submit(batch: OpenBatch, account: ProviderAccount, client: BatchClient, signal: AbortSignal): Promise<void> {
    const { store } = this.#options;
    if (batch.attempts > 0 && !(await this.#neverArrived(batch, account, client, signal))) return;
    const items = await store.beginSubmit(batch.id);
    if (items.length === 0 || batch.state === "cancelling")
      return store.refused(batch.id, "Cancelled before it was sent.");
    try {
      const sent = items.map(({ key, request }) => ({ key, call: { ...request, account } }));
      const providerBatchId = await client.submit(account, sent, batch.id, signal);
      await store.submitted(batch.id, providerBatchId);
    } catch (thrown) {
      const error = asLlmError(thrown);
      // What may have arrived is looked for in the next round. What was refused for now is simply sent again.
      if (isDefinite(error)) {
        if (!isRepeatable(error)) await store.refused(batch.id, error.message);
        else await store.notTaken(batch.id);
        batch.attempts = 0;
      }
      throw error;
    }
  }

  /**
   * Looks for what became of a submission whose answer never came; true when the provider has no such batch. A batch that may
   * be it and cannot be told yet is waited for: it is neither cancelled nor sent again.
   */
  async #neverArrived(
    batch: OpenBatch,
    account: ProviderAccount,
    client: BatchClient,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { store, turnMs } = this.#options;
    const { id: label, sentCalls: calls, createdAtMs: fromMs, sentAtMs } = batch;
    const others = await store.otherBatches(label);
    let undecided = false;
    for (const found of await client.find(account, { label, calls, fromMs, sentAtMs }, signal)) {
      if (others.has(found)) continue;
      // Each exchange may take long: what follows is done by who still has the turn.
      if (signal.aborted || !(await store.takeTurn(this.#id, turnMs))) return false;
      const whose = await client.whose(account, found, label, signal);
      if (whose === "foreign") await store.notOurs(label, found);
      else if (whose === "unknown") undecided = true;
      else {
        await store.submitted(label, found);
        return false;
      }
    }
    return !undecided && (await store.takeTurn(this.#id, turnMs));
  }

  async #follow(
    batch: OpenBatch & { providerBatchId: string },
    account: ProviderAccount,
    client: BatchClient,
    signal: AbortSignal,
  ): Promise<void> {
    const { store } = this.#options;
    let status = await client.status(account, batch.providerBatchId, signal);
    if (batch.state === "cancelling" && status.state === "running") {
      await client.cancel(account, batch.providerBatchId, signal);
      status = await client.status(account, batch.providerBatchId, signal);
    }
    if (status.state === "failed") return store.refused(batch.id, "The provider failed the whole batch.");
    if (status.state === "running") return store.progress(batch.id, status.done, status.failed);
    const results = await client.results(account, batch.providerBatchId, batch.id, signal);
    const outcomes: ItemOutcome[] = [];
    for (const [key, result] of results) {
      if ("answer" in result) outcomes.push({ key, state: "done", result: JSON.stringify(result.answer) });
      else outcomes.push({ key, state: "failed", result: result.error });
    }
    await store.deliver(batch.id, outcomes);
    await store.ended(batch.id, await this.#bookOrphans(batch, results));
  }

  /** Answers of calls that were cancelled or went live meanwhile cost what they cost: the bill says so. */
  async #bookOrphans(
    batch: OpenBatch,
    results: Map<string, { answer: unknown } | { error: string }>,
  ): Promise<Record<string, number | null>> {
    const { store, book, now } = this.#options;
    const records: LlmCallRecord[] = [];
    const costs: Record<string, number | null> = {};
    for (const orphan of await store.orphans(batch.id)) {
      const result = results.get(orphan.key.split("/")[0] as string);
      if (result === undefined || !("answer" in result)) continue;
      const record = recordOf(orphan, result.answer, batch.id, now());
      records.push(record);
      costs[orphan.key] = record.costNanoUsd;
    }
    if (records.length > 0) await book(records);
    return costs;
  }

  /** So do answers that came, and that nobody took before their execution or deferred call was over. */
  async #dropLeftAnswers(): Promise<void> {
    const { store, now, onError } = this.#options;
    for (const left of await store.leftAnswers()) {
      try {
        const record = recordOf(left, JSON.parse(left.result), left.batchId, now());
        await store.dropAnswer(left.key, record.costNanoUsd, [usageRow(record)]);
      } catch (error) {
        // Not to be read: the most that it can have cost.
        onError(error);
        await store.dropAnswer(left.key, null, [lostRow(left, left.batchId, now())]);
      }
    }
  }
}

/** True when a submission that ended so made no batch: the provider refused it, or was never reached. */
function isDefinite({ kind, status }: LlmError): boolean {
  if (status !== undefined) return status >= 400 && status < 500 && status !== 408;
  return kind === "connect" || kind === "timeout_connect" || kind === "address_refused" || kind === "bad_request";
}

function recordOf(orphan: OrphanCall, answer: unknown, batchId: string, atMs: number): LlmCallRecord {
  const { booking, request, provider } = orphan;
  const parser = batchAnswerParser(provider, answer, request.request, () => {});
  parser.body(answer);
  const { usage } = parser.answer();
  const costNanoUsd = booking.price === null ? null : costOf(booking.price, usage, BATCH_DISCOUNT);
  return baseRecord(orphan, usage, costNanoUsd, batchId, atMs);
}

/** On the bill, a call that its batch may have answered: nobody will tell what it used. */
function lostRow(orphan: OrphanCall, batchId: string, atMs: number): Record<string, unknown> {
  const usage = {
    inputTokens: requestTokens(orphan.request.request).expected,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    outputTokens: 0,
    reasoningTokens: 0,
    estimated: true,
  };
  return { ...usageRow(baseRecord(orphan, usage, orphan.mostNanoUsd, batchId, atMs)), outcome: "lost" };
}

function baseRecord(
  orphan: OrphanCall,
  usage: LlmUsage,
  costNanoUsd: number | null,
  batchId: string,
  atMs: number,
): LlmCallRecord {
  const { booking, provider, model, userId } = orphan;
  return {
    callId: stableId(batchId, orphan.key),
    tenantId: userId,
    squadId: booking.squadId,
    executionId: booking.executionId,
    memberId: booking.memberId,
    lane: "economy",
    provider,
    model,
    accountId: booking.accountId,
    outcome: "cancelled",
    errorKind: "cancelled",
    cacheResult: "bypass",
    usage,
    costNanoUsd,
    savedNanoUsd: null,
    attempts: 1,
    durationMs: 0,
    timeToFirstTokenMs: null,
    rateWaitMs: 0,
    addedMs: 0,
    billedElsewhere: false,
    atMs,
  };
}

/** The same for the same answer, so that a result that is read twice is booked once (UUID version 8, RFC 9562). */
function stableId(...parts: string[]): string {
  const hex = createHash("sha256").update(parts.join("\n")).digest("hex");
  const variant = ((Number.parseInt(hex[16] as string, 16) & 3) | 8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
