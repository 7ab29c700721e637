import { ExecutionStopped } from "#agents";
import { type EventHub, EventPacker, type StoredEvent } from "#events";
import type { BeginCall, CloseExecution, CommitResult, JournalBatch, JournalEvent } from "./journal-batch.ts";
import type { JournalWriter } from "./journal-writer.ts";

/** An event whose stored form is shorter than what readers see (a delta that points into its message). */
export interface LiveEvent extends JournalEvent {
  live?: Record<string, unknown>;
}

export interface BatchPart
  extends Omit<JournalBatch, "executionId" | "epoch" | "commitNo" | "packed" | "ids" | "begin" | "close"> {
  events?: LiveEvent[];
  begin?: BeginCall[];
  close?: CloseExecution;
}

export type Committed = Extract<CommitResult, { outcome: "ok" }>;

export interface ExecutionJournalOptions {
  executionId: string;
  epoch: number;
  writer: JournalWriter;
  hub: EventHub;
  /** A batch was committed; `coarse`: it changed more than the text being written. Called before readers hear of it. */
  onCommitted?: (coarse: boolean) => void;
  /** What the execution has cost, with what is written next. */
  onCost: (costNanoUsd: number) => void;
  /** A user asked to cancel or pause. */
  onFlags: (flags: { cancel: boolean; pause: boolean }) => void;
  /** The lease is lost or the journal cannot be written: abort everything. */
  onStopped: (reason: string, cause?: unknown) => void;
}

interface Waiter {
  resolve: (result: Committed) => void;
  reject: (error: unknown) => void;
}

/** How long an `add` may wait for company, in milliseconds. */
const lazyMs = 2;

/**
 * The one writer of one claimed execution.
 *
 * Contract: batches are committed one after the other, in the order they were given, under the claimed epoch; what is
 * given while a commit is under way travels in the next. Events reach readers only after their commit. When the lease
 * is lost every further call rejects with `ExecutionStopped` and nothing is written.
 */
export class ExecutionJournal {
  readonly #options: ExecutionJournalOptions;
  #commitNo = 0;
  #pending: BatchPart = {};
  #waiters: Waiter[] = [];
  #dirty = false;
  #inFlight = false;
  #timer: NodeJS.Timeout | undefined;
  #turn: NodeJS.Immediate | undefined;
  #stopReason: string | null = null;
  #fault: unknown;

  constructor(options: ExecutionJournalOptions) {
    this.#options = options;
  }

  /** Durable when it resolves. */
  commit(part: BatchPart): Promise<Committed> {
    if (this.#stopReason !== null) return Promise.reject(this.#fault ?? new ExecutionStopped(this.#stopReason));
    merge(this.#pending, part);
    this.#dirty = true;
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      // What the same turn of the event loop still brings (the calls of members who begin together) travels with it.
      this.#turn ??= setImmediate(() => {
        this.#turn = undefined;
        void this.#send();
      });
    });
  }

  /** Durable within a few milliseconds, and in any case not after what is committed later. */
  add(part: BatchPart): void {
    if (this.#stopReason !== null) return;
    merge(this.#pending, part);
    this.#dirty = true;
    if (!this.#inFlight && !this.#timer) this.#timer = setTimeout(() => void this.#send(), lazyMs);
  }

  /** Why nothing is written any more; null while the lease stands. */
  get stopped(): string | null {
    return this.#stopReason;
  }

  async #send(): Promise<void> {
    if (this.#inFlight || !this.#dirty) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const part = this.#pending;
    const waiting = this.#waiters;
    this.#pending = {};
    this.#waiters = [];
    this.#dirty = false;
    this.#inFlight = true;
    this.#commitNo += 1;
    try {
      this.#committed(part, waiting, await this.#options.writer.commit(this.#toBatch(part)));
    } catch (error) {
      this.#fault = error;
      this.#stop("journal_failed", error);
      for (const one of waiting) one.reject(error);
    } finally {
      this.#inFlight = false;
      if (this.#stopReason !== null) this.#rejectPending();
      else if (this.#dirty) void this.#send();
    }
  }

  #committed(part: BatchPart, waiting: Waiter[], result: CommitResult): void {
    if (result.outcome === "fenced") {
      this.#stop("fenced");
      for (const one of waiting) one.reject(new ExecutionStopped("fenced"));
      return;
    }
    const next = (this.#pending.ends ?? []).reduce((sum, { usageId, costNanoUsd }) => {
      return usageId === undefined ? sum : sum + (costNanoUsd ?? 0);
    }, 0);
    this.#options.onCost(result.costNanoUsd + next);
    this.#options.onCommitted?.(isCoarse(part));
    this.#publish(part, result);
    if (result.cancel || result.pause) this.#options.onFlags({ cancel: result.cancel, pause: result.pause });
    for (const one of waiting) one.resolve(result);
  }

  #stop(reason: string, cause?: unknown): void {
    if (this.#stopReason !== null) return;
    this.#stopReason = reason;
    this.#options.onStopped(reason, cause);
  }

  #rejectPending(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#turn);
    for (const one of this.#waiters.splice(0)) {
      one.reject(this.#fault ?? new ExecutionStopped(this.#stopReason ?? "stopped"));
    }
  }

  #toBatch(part: BatchPart): JournalBatch {
    const { events, begin, close, ...rest } = part;
    const { executionId, epoch } = this.#options;
    const batch: JournalBatch = { executionId, epoch, commitNo: this.#commitNo, ...rest };
    const packer = new EventPacker();
    if (events) batch.packed = packer.pack(events);
    if (begin) batch.begin = begin.map(({ events, ...one }) => ({ ...one, packed: packer.pack(events) }));
    if (close) {
      const { events, ...one } = close;
      batch.close = { ...one, packed: packer.pack(events) };
    }
    if (packer.ids.length > 0) batch.ids = `{${packer.ids.join(",")}}`;
    return batch;
  }

  /** The batch's events in the order in which the database numbered them. */
  #publish(part: BatchPart, result: Committed): void {
    const { executionId, hub } = this.#options;
    if (result.repeated) {
      hub.announce(executionId, result.lastSeq);
      return;
    }
    const granted = new Set(result.begin.filter((one) => one.outcome === "granted").map((one) => one.id));
    const all: LiveEvent[] = [
      ...(part.events ?? []),
      ...result.extra,
      ...(part.begin ?? []).filter((one) => granted.has(one.id)).flatMap((one) => one.events),
      ...(part.close?.events ?? []),
    ];
    const firstSeq = result.lastSeq - all.length + 1;
    const at = new Date(result.at).toISOString();
    const stored: StoredEvent[] = all.map((event, index) => ({
      executionId,
      seq: firstSeq + index,
      type: event.type,
      at,
      data: event.live ?? event.data,
    }));
    hub.publish(executionId, stored);
  }
}

/** True when a batch holds more than text that is being streamed. */
function isCoarse({ events, ...rest }: BatchPart): boolean {
  return Object.keys(rest).length > 0 || (events ?? []).some((event) => event.type !== "message-delta");
}

/** Appends every list of `part` to that of `into`; a closing part comes last and alone. */
function merge(into: BatchPart, part: BatchPart): void {
  const target = into as Record<string, unknown>;
  for (const [name, value] of Object.entries(part)) {
    if (value === undefined) continue;
    const present = target[name];
    target[name] = Array.isArray(value) ? [...(Array.isArray(present) ? present : []), ...value] : value;
  }
}
