import { executionChangeTags, type Queryable } from "#domain";
import type { EventHub, StoredEvent } from "#events";

/** Above this many executions whose owner is remembered, the oldest are forgotten. */
const maxRemembered = 20_000;

/**
 * The hub with one more thing to tell: what a worker commits makes kept answers old, in this process before its events
 * go out (a reader of the stream that looks again must not get what it saw before), in others through `invalidate`.
 * Text alone concerns the execution; anything more (a step, a status, a bill) also its owner's lists and totals.
 */
export function announceExecutionChanges(
  hub: EventHub,
  options: {
    db: Queryable;
    /** Drops kept answers at once where there are any, and tells the other processes. */
    invalidate: (tags: readonly string[]) => Promise<void>;
    onError: (error: unknown) => void;
  },
): EventHub {
  const owners = new Map<string, string>();

  async function ownerOf(executionId: string): Promise<string | null> {
    const known = owners.get(executionId);
    if (known !== undefined) return known;
    const { rows } = await options.db.query<{ user_id: string }>(
      "execution_owner",
      "SELECT user_id FROM task_executions WHERE id = $1",
      [executionId],
    );
    const userId = rows[0]?.user_id ?? null;
    if (userId === null) return null;
    const oldest = owners.keys().next();
    if (owners.size >= maxRemembered && !oldest.done) owners.delete(oldest.value);
    owners.set(executionId, userId);
    return userId;
  }

  async function tellOwner(executionId: string): Promise<void> {
    const userId = await ownerOf(executionId);
    if (userId !== null) await options.invalidate(executionChangeTags({ userId, executionId, coarse: true }));
  }

  function changed(executionId: string, events: readonly StoredEvent[]): void {
    const coarse = events.some((event) => event.type !== "message-delta");
    const userId = owners.get(executionId);
    if (coarse && userId === undefined) {
      // Whose it is must be asked first: until then everything that any worker can change is dropped.
      options
        .invalidate([workerTag, ...executionChangeTags({ userId: "", executionId, coarse: false })])
        .catch(options.onError);
      tellOwner(executionId).catch(options.onError);
      return;
    }
    options.invalidate(executionChangeTags({ userId: userId ?? "", executionId, coarse })).catch(options.onError);
  }

  return {
    publish(executionId, events) {
      changed(executionId, events);
      hub.publish(executionId, events);
    },
    announce: (executionId, lastSeq) => hub.announce(executionId, lastSeq),
    subscribe: (executionId, afterSeq, listener) => hub.subscribe(executionId, afterSeq, listener),
    size: () => hub.size(),
    close: () => hub.close(),
  };
}

/** The tag of every answer that a worker's commit can make old, whoever's it is. */
export const workerTag = "worker";
/** The areas that workers change. */
export const workerAreas: ReadonlySet<string> = new Set([
  "squads",
  "tasks",
  "projects",
  "executions",
  "notifications",
  "usage",
  "budgets",
]);
