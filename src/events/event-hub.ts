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
  /** Says that events up to this number were stored by others (a hint). */
  announce(executionId: string, lastSeq: number): void;
  subscribe(executionId: string, afterSeq: number, listener: EventListener): () => void;
  /** Number of open subscriptions, for the `sse_clients` gauge. */
  size(): number;
  close(): Promise<void>;
}

export interface EventHubOptions {
  db: Database;
  listener: Listener;
  /** Identity of this process: its own announcements are not read back. */
  processId: string;
  /** Queues a NOTIFY; the caller coalesces them. */
  notify: (channel: string, payload: string) => void;
  /**
   * Told once for each batch with events that no reader of this process was handed before, when all have been: how long
   * ago its first new event was written, by the two clocks of database and process; never negative.
   */
  observeDelivery?: ((ms: number) => void) | undefined;
}

interface Subscription {
  next: number;
  listener: EventListener;
  open: boolean;
}

interface Channel {
  executionId: string;
  subscriptions: Set<Subscription>;
  /** Highest sequence number heard of. */
  known: number;
  /** Highest sequence number that is no news: handed over, or written before the first reader came; null until that is known. */
  shown: number | null;
  reading: boolean;
  /** Events for a crowd that is still being served with those before. */
  gathered: StoredEvent[];
  timer: NodeJS.Timeout | undefined;
  /** When the crowd may be served again (monotonic, milliseconds). */
  freeAtMs: number;
}

interface Head {
  id: string;
  status: ExecutionStatus;
  last_seq: number;
}

const pageSize = 500;
const pollIntervalMs = 5_000;
/** After a read that failed. */
const retryMs = 500;
/** From so many readers of one execution on, events that follow each other quickly travel together. */
const crowd = 64;
const channelName = "muster_events";

/** Opens the hub of this process. */
export function createEventHub(options: EventHubOptions): EventHub {
  return new DatabaseEventHub(options);
}

class DatabaseEventHub implements EventHub {
  readonly #options: EventHubOptions;
  readonly #channels = new Map<string, Channel>();
  readonly #stops: (() => void)[];
  #open = true;

  constructor(options: EventHubOptions) {
    this.#options = options;
    // Notifications sent while the listening connection was down are gone: look once after every reconnection, and now
    // and then in any case.
    const timer = setInterval(() => void this.#pollAll(), pollIntervalMs);
    timer.unref();
    this.#stops = [
      options.listener.on(channelName, (payload) => this.#heard(payload)),
      options.listener.onReconnect(() => void this.#pollAll()),
      () => clearInterval(timer),
    ];
  }

  publish(executionId: string, events: StoredEvent[]): void {
    const last = events.at(-1);
    if (!last) return;
    this.#tellOthers(executionId, last.seq);
    const channel = this.#channels.get(executionId);
    if (!channel) return;
    const before = channel.gathered.at(-1);
    if (before && events[0]?.seq !== before.seq + 1) {
      // Others wrote between: what is gathered has no gap, the rest is read.
      channel.known = Math.max(channel.known, last.seq);
      return;
    }
    channel.gathered.push(...events);
    if (channel.timer) return;
    const waitMs = channel.freeAtMs - performance.now();
    if (waitMs <= 0) this.#serve(channel);
    else channel.timer = setTimeout(() => this.#serve(channel), waitMs);
  }

  /**
   * Hands over what was gathered. To write to a thousand readers takes tens of milliseconds: were each event written by
   * itself, a burst would queue up behind its first. So the channel of a crowd rests as long as it worked, and what comes
   * meanwhile is one write.
   */
  #serve(channel: Channel): void {
    channel.timer = undefined;
    const events = channel.gathered;
    channel.gathered = [];
    const last = events.at(-1);
    if (!last || !this.#open) return;
    const startedMs = performance.now();
    channel.known = Math.max(channel.known, last.seq);
    const served = [...channel.subscriptions];
    let handed = false;
    for (const one of served) if (deliver(one, events)) handed = true;
    if (handed) this.#observe(channel, events, last);
    // Only then, or the last of a crowd would wait until the first have gone.
    if (last.type === "execution-end") {
      for (const one of served) if (one.next === last.seq + 1) this.#finish(channel, one);
    }
    const nowMs = performance.now();
    if (channel.subscriptions.size >= crowd) channel.freeAtMs = nowMs + (nowMs - startedMs);
    void this.#catchUp(channel);
  }

  announce(executionId: string, lastSeq: number): void {
    this.#tellOthers(executionId, lastSeq);
    this.#learn(executionId, lastSeq);
  }

  subscribe(executionId: string, afterSeq: number, listener: EventListener): () => void {
    let channel = this.#channels.get(executionId);
    if (!channel) {
      channel = {
        executionId,
        subscriptions: new Set(),
        known: 0,
        shown: null,
        reading: false,
        gathered: [],
        timer: undefined,
        freeAtMs: 0,
      };
      this.#channels.set(executionId, channel);
    }
    const subscription: Subscription = { next: afterSeq + 1, listener, open: true };
    channel.subscriptions.add(subscription);
    const joined = channel;
    void this.#start(joined, subscription);
    return () => this.#remove(joined, subscription);
  }

  size(): number {
    let count = 0;
    for (const channel of this.#channels.values()) count += channel.subscriptions.size;
    return count;
  }

  async close(): Promise<void> {
    this.#open = false;
    for (const stop of this.#stops.splice(0)) stop();
    for (const channel of this.#channels.values()) clearTimeout(channel.timer);
    this.#channels.clear();
  }

  #tellOthers(executionId: string, seq: number): void {
    this.#options.notify(channelName, `${this.#options.processId}:${executionId}:${seq}`);
  }

  #heard(payload: string): void {
    const [from, executionId, seq] = payload.split(":");
    if (from !== this.#options.processId && executionId !== undefined) this.#learn(executionId, Number(seq));
  }

  #learn(executionId: string, seq: number): void {
    const channel = this.#channels.get(executionId);
    if (!channel || seq <= channel.known) return;
    channel.known = seq;
    void this.#catchUp(channel);
  }

  async #heads(executionIds: string[]): Promise<Head[]> {
    const { rows } = await this.#options.db.query<Head>(
      "events_heads",
      "SELECT id, status, last_seq FROM task_executions WHERE id = ANY($1::uuid[])",
      [executionIds],
    );
    return rows;
  }

  async #pollAll(): Promise<void> {
    if (this.#channels.size === 0) return;
    try {
      for (const head of await this.#heads([...this.#channels.keys()])) {
        const channel = this.#channels.get(head.id);
        if (!channel) continue;
        channel.known = Math.max(channel.known, head.last_seq);
        void this.#catchUp(channel);
        if (!isTerminal(head.status)) continue;
        // Subscribed while the database was away, with nothing left to read.
        for (const one of [...channel.subscriptions]) if (one.next === head.last_seq + 1) this.#finish(channel, one);
      }
    } catch (error) {
      for (const channel of this.#channels.values()) fail(channel, error);
    }
  }

  async #start(channel: Channel, subscription: Subscription): Promise<void> {
    const asked = subscription.next;
    try {
      const [head] = await this.#heads([channel.executionId]);
      if (!head || !subscription.open) return;
      // A number from the future (forged, or of another installation) cannot be resumed from: begin at the end. Whoever was
      // served meanwhile is ahead of what was read, not of the execution.
      if (subscription.next === asked && asked > head.last_seq + 1) subscription.next = head.last_seq + 1;
      channel.known = Math.max(channel.known, head.last_seq);
      channel.shown ??= channel.known;
      if (subscription.next === head.last_seq + 1 && isTerminal(head.status)) this.#finish(channel, subscription);
      else await this.#catchUp(channel);
    } catch (error) {
      subscription.listener.onError(error);
      this.#later(() => void this.#start(channel, subscription));
    }
  }

  /** Reads until nobody is behind what is known: one reader per execution, whatever the number of subscribers. */
  async #catchUp(channel: Channel): Promise<void> {
    if (channel.reading || !this.#open) return;
    channel.reading = true;
    try {
      let behind = earliest(channel);
      while (behind !== null && this.#open) {
        const events = await readEvents(this.#options.db, channel.executionId, behind - 1, pageSize);
        const last = events.at(-1);
        if (!last) break;
        channel.known = Math.max(channel.known, last.seq);
        let handed = false;
        for (const one of channel.subscriptions) if (deliver(one, events)) handed = true;
        if (handed) this.#observe(channel, events, last);
        if (last.type === "execution-end") await this.#endIfOver(channel, last.seq);
        behind = earliest(channel);
      }
    } catch (error) {
      fail(channel, error);
      // What is known of will not be announced again: without another try the readers would wait for ever.
      this.#later(() => void this.#catchUp(channel));
    } finally {
      channel.reading = false;
    }
  }

  /** Sequence numbers have no gap, so the first event that is news is found by its place. */
  #observe(channel: Channel, events: StoredEvent[], last: StoredEvent): void {
    if (channel.shown === null || last.seq <= channel.shown) return;
    const first = events[Math.max(0, events.length - (last.seq - channel.shown))] ?? last;
    channel.shown = last.seq;
    this.#options.observeDelivery?.(Math.max(0, Date.now() - Date.parse(first.at)));
  }

  #later(work: () => void): void {
    setTimeout(() => this.#open && work(), retryMs).unref();
  }

  /** A terminal event ends the stream unless the execution was started again after it. */
  async #endIfOver(channel: Channel, seq: number): Promise<void> {
    const [head] = await this.#heads([channel.executionId]);
    if (head && !(isTerminal(head.status) && head.last_seq === seq)) return;
    for (const one of [...channel.subscriptions]) if (one.next === seq + 1) this.#finish(channel, one);
  }

  #finish(channel: Channel, subscription: Subscription): void {
    if (!subscription.open) return;
    this.#remove(channel, subscription);
    subscription.listener.onEnd();
  }

  #remove(channel: Channel, subscription: Subscription): void {
    subscription.open = false;
    channel.subscriptions.delete(subscription);
    if (channel.subscriptions.size === 0 && this.#channels.get(channel.executionId) === channel) {
      this.#channels.delete(channel.executionId);
    }
  }
}

/** True when there was something in it for this subscriber. */
function deliver(subscription: Subscription, events: StoredEvent[]): boolean {
  if (!subscription.open || events[0] === undefined) return false;
  const isNext = events[0].seq === subscription.next;
  const fresh = isNext ? events : events.filter((event) => event.seq >= subscription.next);
  const last = fresh.at(-1);
  if (!last || fresh[0]?.seq !== subscription.next) return false;
  subscription.next = last.seq + 1;
  subscription.listener.onEvents(fresh);
  return true;
}

/** The lowest number that a subscriber waits for and that is known to exist; null when nobody is behind. */
function earliest(channel: Channel): number | null {
  let lowest = Number.POSITIVE_INFINITY;
  for (const one of channel.subscriptions) if (one.next <= channel.known) lowest = Math.min(lowest, one.next);
  return lowest === Number.POSITIVE_INFINITY ? null : lowest;
}

function fail(channel: Channel, error: unknown): void {
  for (const one of [...channel.subscriptions]) one.listener.onError(error);
}
