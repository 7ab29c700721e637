import { ExecutionStopped } from "#agents";
import type { EventHub, StoredEvent } from "#events";
import type { CommitResult, JournalBatch, JournalEvent } from "./journal-batch.ts";
import type { JournalWriter } from "./journal-writer.ts";

/** An event whose stored form is shorter than what readers see (a delta that points into its message). */
export interface LiveEvent extends JournalEvent {
  live?: Record<string, unknown>;
}

export interface BatchPart extends Omit<JournalBatch, "executionId" | "epoch" | "commitNo" | "events"> {
  events?: LiveEvent[];
}

export type Committed = Extract<CommitResult, { outcome: "ok" }>;

/**
 * The one writer of one claimed execution.
 *
 * Contract: batches are committed one after the other, in the order they were given, under the claimed epoch; what is
 * given while a commit is under way travels in the next. Events reach readers only after their commit. When the lease
 * is lost every further call rejects with `ExecutionStopped` and nothing is written.
 */
export interface ExecutionJournal {
  /** Durable when it resolves. */
  commit(part: BatchPart): Promise<Committed>;
  /** Durable soon (`lazyMs`), and in any case not after what is committed later. */
  add(part: BatchPart): void;
  /** Durable up to here. */
  flush(): Promise<void>;
  /** Why nothing is written any more; null while the lease stands. */
  stopped(): string | null;
}

const lazyMs = 2;

export function createExecutionJournal(options: {
  executionId: string;
  epoch: number;
  writer: JournalWriter;
  hub: EventHub;
  /** A user asked to cancel or pause. */
  onFlags: (flags: { cancel: boolean; pause: boolean }) => void;
  /** The lease is lost or the journal cannot be written: abort everything. */
  onStopped: (reason: string, cause?: unknown) => void;
}): ExecutionJournal {
  const { executionId, epoch, writer, hub } = options;
  let commitNo = 0;
  let pending: BatchPart = {};
  let waiters: { resolve: (result: Committed) => void; reject: (error: unknown) => void }[] = [];
  let dirty = false;
  let inFlight = false;
  let timer: NodeJS.Timeout | undefined;
  let stopReason: string | null = null;
  let fault: unknown;

  async function send(): Promise<void> {
    if (inFlight || !dirty) return;
    clearTimeout(timer);
    timer = undefined;
    const part = pending;
    const waiting = waiters;
    pending = {};
    waiters = [];
    dirty = false;
    inFlight = true;
    commitNo += 1;
    try {
      const result = await writer.commit(toBatch(part));
      if (result.outcome === "fenced") {
        stop("fenced");
        for (const one of waiting) one.reject(new ExecutionStopped("fenced"));
        return;
      }
      publish(part, result);
      if (result.cancel || result.pause) options.onFlags({ cancel: result.cancel, pause: result.pause });
      for (const one of waiting) one.resolve(result);
    } catch (error) {
      fault = error;
      stop("journal_failed", error);
      for (const one of waiting) one.reject(error);
    } finally {
      inFlight = false;
      if (stopReason !== null) rejectPending();
      else if (dirty) void send();
    }
  }

  function stop(reason: string, cause?: unknown): void {
    if (stopReason !== null) return;
    stopReason = reason;
    options.onStopped(reason, cause);
  }

  function rejectPending(): void {
    clearTimeout(timer);
    for (const one of waiters.splice(0)) one.reject(fault ?? new ExecutionStopped(stopReason ?? "stopped"));
  }

  function toBatch(part: BatchPart): JournalBatch {
    const { events, ...rest } = part;
    const batch: JournalBatch = { executionId, epoch, commitNo, ...rest };
    if (events) batch.events = events.map(({ type, data }) => ({ type, data }));
    return batch;
  }

  function publish(part: BatchPart, result: Committed): void {
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
    const stored: StoredEvent[] = all.map((event, index) => ({
      executionId,
      seq: firstSeq + index,
      type: event.type,
      at: new Date(result.at).toISOString(),
      data: event.live ?? event.data,
    }));
    hub.publish(executionId, stored);
  }

  return {
    commit(part) {
      if (stopReason !== null) return Promise.reject(fault ?? new ExecutionStopped(stopReason));
      merge(pending, part);
      dirty = true;
      return new Promise((resolve, reject) => {
        waiters.push({ resolve, reject });
        void send();
      });
    },
    add(part) {
      if (stopReason !== null) return;
      merge(pending, part);
      dirty = true;
      if (!inFlight && !timer) timer = setTimeout(() => void send(), lazyMs);
    },
    async flush() {
      if (stopReason !== null) throw fault ?? new ExecutionStopped(stopReason);
      if (!dirty && !inFlight) return;
      await this.commit({});
    },
    stopped: () => stopReason,
  };
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
