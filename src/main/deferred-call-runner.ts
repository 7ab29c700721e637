import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import {
  claimDeferredCalls,
  type DeferredEnd,
  type DeferredWork,
  endDeferredCall,
  renewDeferredCalls,
  type Store,
  sweepDeferredCalls,
} from "#domain";
import {
  asLlmError,
  type LlmHandler,
  type LlmReply,
  type LlmRequest,
  postgresDeferredLedger,
  type Query,
  toAppError,
} from "#llm";

export interface DeferredCallOptions {
  db: Store;
  /** Of the gateway's own stores. */
  query: Query;
  call: LlmHandler;
  /** The bill of a call of this user was written. */
  onBilled?: (userId: string) => void;
  onError: (error: unknown) => void;
  /** Between two looks for calls to work and for calls that were cancelled. */
  pollMs?: number;
  /** A process that died is stood in for after this. */
  holdMs?: number;
}

const defaultPollMs = 3_000;
/** What one process keeps open; each waits for its batch in memory. */
const mostOpen = 5_000;

/**
 * Works deferred calls until `close`: each goes through the gateway's economy lane under its own id, so that a call whose
 * process died joins its batch in the next. A call is worked by one process at a time; nobody has to wait for its answer.
 */
export function startDeferredCalls(options: DeferredCallOptions): { close(): Promise<void> } {
  const { db, pollMs = defaultPollMs, holdMs = 30_000, onError } = options;
  const holder = randomUUID();
  const running = new Map<string, { abort: AbortController; done: Promise<void> }>();
  const closing = new AbortController();
  let timer: NodeJS.Timeout | null = null;

  async function look(): Promise<void> {
    const ids = [...running.keys()];
    if (ids.length > 0) {
      const mine = await renewDeferredCalls(db, holder, ids, holdMs);
      for (const id of ids) if (!mine.has(id)) running.get(id)?.abort.abort();
    }
    await sweepDeferredCalls(db);
    if (closing.signal.aborted || running.size >= mostOpen) return;
    for (const work of await claimDeferredCalls(db, holder, Math.min(200, mostOpen - running.size), holdMs)) {
      const abort = new AbortController();
      const done = runOne(options, work, { holder, abort: abort.signal, closing: closing.signal })
        .catch(onError)
        .finally(() => running.delete(work.id));
      running.set(work.id, { abort, done });
    }
  }

  let looking: Promise<void> = Promise.resolve();
  function next(): void {
    looking = look()
      .catch(onError)
      .then(() => {
        if (closing.signal.aborted) return;
        timer = setTimeout(next, pollMs);
        timer.unref();
      });
  }
  next();
  return {
    async close() {
      closing.abort();
      if (timer !== null) clearTimeout(timer);
      await looking;
      for (const { abort } of running.values()) abort.abort();
      await Promise.all([...running.values()].map(({ done }) => done));
    },
  };
}

async function runOne(
  { db, query, call, onBilled, onError, pollMs = defaultPollMs }: DeferredCallOptions,
  work: DeferredWork,
  { holder, abort, closing }: { holder: string; abort: AbortSignal; closing: AbortSignal },
): Promise<void> {
  const { id, userId, cache, deadlineMs } = work;
  const ledger = postgresDeferredLedger(query, { id, userId, holder, keeps: () => closing.aborted });
  // Answer and bill are one commit: one without the other would be paid twice, or not at all.
  const write = (how: DeferredEnd): Promise<void> =>
    db.transaction(async (transaction) => {
      const inIt = (text: string, params: unknown[]) => transaction.query("deferred_call_book", text, params);
      await ledger.book(inIt as Query);
      await endDeferredCall(transaction, holder, id, how);
    });
  const end = async (how: DeferredEnd): Promise<void> => {
    for (let waitMs = pollMs; ; waitMs = Math.min(waitMs * 2, pollMs * 10)) {
      try {
        await write(how);
        onBilled?.(userId);
        return;
      } catch (error) {
        // While the database is away the answer is kept; written twice it counts once, and not when it is another's.
        if (abort.aborted) throw error;
        onError(error);
        // Told to stop it tries once more and gives up: the next process asks, and the batch answers again for nothing.
        await delay(waitMs, undefined, { ref: false, signal: abort }).catch(() => {});
      }
    }
  };
  const context = {
    callId: id,
    deferKey: id,
    tenantId: userId,
    squadId: null,
    executionId: null,
    memberId: null,
    lane: "economy" as const,
    cache,
    signal: abort,
    deadlineMs: null,
    liveAtMs: deadlineMs,
    stream: false,
    ledger,
  };
  let reply: LlmReply;
  try {
    reply = await call({ request: JSON.parse(work.request) as LlmRequest, context }, () => {});
  } catch (thrown) {
    const error = asLlmError(thrown);
    if (closing.aborted) return end({ state: "waiting" });
    // Its batch was cancelled, or it was itself (that is written already).
    if (error.kind === "cancelled") return end({ state: "cancelled" });
    const { code, message } = toAppError(error);
    return end({ state: "failed", code, detail: message });
  }
  const { model, text, toolCalls, finishReason, usage, costNanoUsd } = reply;
  const answer = { model, text, toolCalls, finishReason, usage, costNanoUsd };
  return end({ state: "completed", answer });
}
