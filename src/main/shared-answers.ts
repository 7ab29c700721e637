import { createInvalidationBus, createTagHistory, type InvalidationBus } from "#cache";
import type { Database, Listener } from "#db";
import { areaTag, executionChangeTags, spendTags } from "#domain";
import { type AnswerCache, type ByteStore, createAnswerCache, createSecondLevel } from "#http";
import type { Logger } from "#metrics";

/** What a worker's commit changed. */
export interface ExecutionChange {
  userId: string;
  executionId: string;
  squadId: string | null;
  coarse: boolean;
}

/** Whose usage or budgets a plain call changed. */
export interface BilledScope {
  userId: string;
  squadId: string | null;
}

/** The answers this process keeps, and the way in which all processes forget what a write made old. */
export interface SharedAnswers {
  cache: AnswerCache;
  /** A worker committed: answers about it are forgotten here at once, elsewhere within a few milliseconds. */
  changed(change: ExecutionChange): void;
  /** Bills came into the usage, some time after the answers that they are for: what shows usage is forgotten likewise. */
  billed(bills: readonly BilledScope[]): void;
  /** Money of budgets was reserved, spent or given back, which may come with a warning. */
  budgeted(scope: BilledScope): void;
  close(): Promise<void>;
}

/** Commits of workers are told to other processes together, at most this often. */
const tellIntervalMs = 20;
const notSent = "an invalidation was not sent; the others find out when this process falls silent";

/** `serves` is false for processes that answer no requests: they only tell. */
export function createSharedAnswers(options: {
  db: Database;
  listener: Listener;
  processId: string;
  serves: boolean;
  logger: Logger;
  /** Where answers lie that all processes of this version share; null: each has only its own. */
  store: { bytes: ByteStore; prefix: string } | null;
}): SharedAnswers {
  let bus: InvalidationBus | undefined;
  const store = options.serves ? options.store : null;
  const history = store ? createTagHistory(() => bus?.beginEra()) : undefined;
  const level = store && history ? createSecondLevel({ store: store.bytes, history, prefix: store.prefix }) : undefined;
  const cache = createAnswerCache({
    isBusy: () => options.db.poolState().waiting > 0,
    secondLevel: level && history ? { level, history } : undefined,
    connect: (handlers) => {
      bus = createInvalidationBus({
        ...handlers,
        processId: options.processId,
        listener: options.listener,
        query: (text, values) => options.db.query("cache_notify", text, values),
        serves: options.serves,
        history,
        onError: (error) => options.logger.warn({ err: error }, notSent),
      });
      return bus;
    },
  });
  let pending = new Set<string>();
  let timer: NodeJS.Timeout | undefined;

  function tell(): void {
    timer = undefined;
    const tags = [...pending];
    pending = new Set();
    bus?.tell(tags);
  }

  function forget(tags: readonly string[]): void {
    cache.answers.invalidate(tags);
    if (!bus || bus.peers().length === 0) return;
    for (const tag of tags) pending.add(tag);
    timer ??= setTimeout(tell, tellIntervalMs);
  }

  return {
    cache,
    changed: (change) => forget(executionChangeTags(change)),
    billed: (bills) => forget([...new Set(bills.flatMap(({ userId, squadId }) => spendTags(userId, squadId)))]),
    budgeted: ({ userId, squadId }) => forget([...spendTags(userId, squadId), areaTag(userId, "notifications")]),
    async close() {
      clearTimeout(timer);
      if (pending.size > 0) tell();
      await bus?.close();
    },
  };
}
