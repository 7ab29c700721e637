import { type ExecutionStatus, isTerminal } from "#contracts";
import type { Database, Listener } from "#db";
import { readEvents } from "./read-events.ts";
import type { StoredEvent } from "./stored-event.ts";

export interface EventListener {
  /** Called with events in order, without gap or repetition. Must not throw. */
  onEvents(events: StoredEvent[]): void;
  /** The execution has ended and every event up to its last has been handed over. */
  onEnd(): void;
  /** The database cannot be read; the hub goes on trying, the reader may give up. */
  onError(error: unknown): void;
}

/**
 * Hands stored events to readers of any process.
 *
 * Contract: the database is the truth and notifications are hints. A reader that subscribes after sequence number n gets
 * n + 1, n + 2, … whatever is lost, repeated or reordered on the way. Subscribers of one execution share one read.
 */
export interface EventHub {
  /** Events that this process has just committed: delivered here at once, announced to other processes. */
  publish(executionId: string, events: StoredEvent[]): void;
  /** Says that others wrote events of this execution (a hint). */
  announce(executionId: string, lastSeq: number): void;
  subscribe(executionId: string, afterSeq: number, listener: EventListener): () => void;
  /** Number of open subscriptions, for the `sse_clients` gauge. */
  size(): number;
  close(): Promise<void>;
}

interface Subscription {
  next: number;
  listener: EventListener;
  open: boolean;
}

interface Channel {
  subscriptions: Set<Subscription>;
  /** Highest sequence number heard of. */
  known: number;
  reading: boolean;
}

const pageSize = 500;
const pollIntervalMs = 5_000;
const channelName = "muster_events";

export function createEventHub(options: {
  db: Database;
  listener: Listener;
  /** Identity of this process: its own announcements are not read back. */
  processId: string;
  /** Queues a NOTIFY; the caller coalesces them. */
  notify: (channel: string, payload: string) => void;
}): EventHub {
  const { db, listener, processId } = options;
  const channels = new Map<string, Channel>();
  let open = true;

  const unlisten = listener.on(channelName, (payload) => {
    const [from, executionId, seq] = payload.split(":");
    if (from === processId || executionId === undefined) return;
    const channel = channels.get(executionId);
    if (channel && Number(seq) > channel.known) {
      channel.known = Number(seq);
      void catchUp(executionId, channel);
    }
  });
  // Notifications sent while the listening connection was down are gone: look once after every reconnection, and now
  // and then in any case.
  const unreconnect = listener.onReconnect(() => void pollAll());
  const timer = setInterval(() => void pollAll(), pollIntervalMs);
  timer.unref();

  async function pollAll(): Promise<void> {
    if (channels.size === 0) return;
    try {
      const { rows } = await db.query<{ id: string; last_seq: string }>(
        "events_heads",
        "SELECT id, last_seq FROM task_executions WHERE id = ANY($1::uuid[])",
        [[...channels.keys()]],
      );
      for (const row of rows) {
        const channel = channels.get(row.id);
        if (!channel) continue;
        channel.known = Math.max(channel.known, Number(row.last_seq));
        void catchUp(row.id, channel);
      }
    } catch (error) {
      for (const channel of channels.values()) for (const one of channel.subscriptions) one.listener.onError(error);
    }
  }

  function deliver(subscription: Subscription, events: StoredEvent[]): void {
    const first = events[0];
    if (!first || !subscription.open) return;
    const fresh = first.seq === subscription.next ? events : events.filter((event) => event.seq >= subscription.next);
    const last = fresh.at(-1);
    if (!last || fresh[0]?.seq !== subscription.next) return;
    subscription.next = last.seq + 1;
    subscription.listener.onEvents(fresh);
  }

  /** Reads from the database until nobody is behind what is known. One reader per execution, whatever the number of subscribers. */
  async function catchUp(executionId: string, channel: Channel): Promise<void> {
    if (channel.reading || !open) return;
    channel.reading = true;
    try {
      for (;;) {
        const behind = [...channel.subscriptions].filter((one) => one.next <= channel.known);
        if (behind.length === 0) break;
        const from = Math.min(...behind.map((one) => one.next));
        const events = await readEvents(db, executionId, from - 1, pageSize);
        if (events.length === 0) break;
        channel.known = Math.max(channel.known, events.at(-1)?.seq ?? 0);
        for (const one of channel.subscriptions) deliver(one, events);
        await endIfOver(executionId, channel, events);
      }
    } catch (error) {
      for (const one of channel.subscriptions) one.listener.onError(error);
    } finally {
      channel.reading = false;
    }
    // A publication may have come while the last page was read.
    if (open && [...channel.subscriptions].some((one) => one.next <= channel.known) && channels.has(executionId)) {
      setTimeout(() => void catchUp(executionId, channel), 50).unref();
    }
  }

  /** A terminal event ends the stream unless the execution was started again after it. */
  async function endIfOver(executionId: string, channel: Channel, events: StoredEvent[]): Promise<void> {
    const last = events.at(-1);
    if (last?.type !== "execution-end") return;
    const { rows } = await db.query<{ status: ExecutionStatus; last_seq: string }>(
      "events_end_check",
      "SELECT status, last_seq FROM task_executions WHERE id = $1",
      [executionId],
    );
    const row = rows[0];
    if (row && !(isTerminal(row.status) && Number(row.last_seq) === last.seq)) return;
    for (const one of [...channel.subscriptions]) if (one.next === last.seq + 1) finish(executionId, one);
  }

  function finish(executionId: string, subscription: Subscription): void {
    if (!subscription.open) return;
    remove(executionId, subscription);
    subscription.listener.onEnd();
  }

  function remove(executionId: string, subscription: Subscription): void {
    subscription.open = false;
    const channel = channels.get(executionId);
    if (!channel) return;
    channel.subscriptions.delete(subscription);
    if (channel.subscriptions.size === 0) channels.delete(executionId);
  }

  async function start(executionId: string, channel: Channel, subscription: Subscription): Promise<void> {
    try {
      const { rows } = await db.query<{ status: ExecutionStatus; last_seq: string }>(
        "events_end_check",
        "SELECT status, last_seq FROM task_executions WHERE id = $1",
        [executionId],
      );
      const row = rows[0];
      if (!row || !subscription.open) return;
      const lastSeq = Number(row.last_seq);
      // A number from the future (forged, or of another installation) cannot be resumed from: begin at the end.
      if (subscription.next > lastSeq + 1) subscription.next = lastSeq + 1;
      channel.known = Math.max(channel.known, lastSeq);
      if (subscription.next === lastSeq + 1 && isTerminal(row.status)) finish(executionId, subscription);
      else await catchUp(executionId, channel);
    } catch (error) {
      subscription.listener.onError(error);
    }
  }

  return {
    publish(executionId, events) {
      const last = events.at(-1);
      if (!last) return;
      options.notify(channelName, `${processId}:${executionId}:${last.seq}`);
      const channel = channels.get(executionId);
      if (!channel) return;
      channel.known = Math.max(channel.known, last.seq);
      for (const one of [...channel.subscriptions]) {
        deliver(one, events);
        if (last.type === "execution-end" && one.next === last.seq + 1) finish(executionId, one);
      }
      void catchUp(executionId, channel);
    },
    announce(executionId, lastSeq) {
      options.notify(channelName, `${processId}:${executionId}:${lastSeq}`);
      const channel = channels.get(executionId);
      if (!channel) return;
      channel.known = Math.max(channel.known, lastSeq);
      void catchUp(executionId, channel);
    },
    subscribe(executionId, afterSeq, eventListener) {
      let channel = channels.get(executionId);
      if (!channel) {
        channel = { subscriptions: new Set(), known: 0, reading: false };
        channels.set(executionId, channel);
      }
      const subscription: Subscription = { next: afterSeq + 1, listener: eventListener, open: true };
      channel.subscriptions.add(subscription);
      void start(executionId, channel, subscription);
      return () => remove(executionId, subscription);
    },
    size() {
      let count = 0;
      for (const channel of channels.values()) count += channel.subscriptions.size;
      return count;
    },
    async close() {
      open = false;
      clearInterval(timer);
      unlisten();
      unreconnect();
      channels.clear();
    },
  };
}
