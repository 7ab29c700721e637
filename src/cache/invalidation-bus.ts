import { setTimeout as delay } from "node:timers/promises";
import type { TagHistory } from "./tag-history.ts";

/** The connection to the database that hears notifications; `openListener` of the db module. */
export interface BusListener {
  on(channel: string, fn: (payload: string) => void): () => void;
  /** Called after each reconnection: what was sent meanwhile was not heard. */
  onReconnect(fn: () => void): () => void;
  /** Called when the connection breaks. */
  onLost(fn: () => void): () => void;
}

export interface InvalidationBusOptions {
  /** Identity of this process among all that share the database. */
  processId: string;
  listener: BusListener;
  /** Sends one statement, for example through the pool. */
  query: (text: string, values: unknown[]) => Promise<unknown>;
  /** False for processes without a cache of answers (workers, command lines): nobody waits for them. */
  serves: boolean;
  /** Tags that another process invalidated. */
  onInvalidate: (tags: string[]) => void;
  /** Something may have been missed: forget everything. */
  onReset: () => void;
  onError: (error: unknown) => void;
  /** Learns in which order invalidations were heard; absent when nothing is kept outside this process. */
  history?: TagHistory | undefined;
  /** Milliseconds that never go back. */
  now?: () => number;
}

/**
 * Carries invalidations between the caches of all processes on one database, by NOTIFY.
 *
 * Contract: when `publish` resolves, no process shows an answer any more that was made before it was called. This rests
 * on the one order in which PostgreSQL delivers notifications: a process that has heard its own heartbeat has heard
 * everything sent before it. A process that has not heard one for `leaseMs` does not show kept answers (`usable`); one that
 * publishes waits for all others to confirm, and for those that do not, until their lease must be over. A process that
 * falls silent may have written without saying so: the others then forget everything. Without peers nothing is waited for
 * and nothing is sent but the invalidations themselves.
 */
export interface InvalidationBus {
  /** False while this process may have missed something. */
  usable(): boolean;
  publish(tags: readonly string[]): Promise<void>;
  /** The same where nobody waits for the others: they hear it and do not confirm. */
  tell(tags: readonly string[]): void;
  /** Ids of the other processes, for tests and `muster doctor`. */
  peers(): string[];
  /** Begins an era of the history: what was stamped before is not accepted any more. */
  beginEra(): void;
  close(): Promise<void>;
}

const channel = "muster_cache";
/** How long a process may go on showing kept answers after it last proved that it hears everything. */
const leaseMs = 600;
const beatMs = 200;
/** A process that said nothing for this long is dead, or stands still and will find its lease over. */
const silenceMs = 2_500;
/** How long to wait before sending again what the database did not take. */
const resendMs = 100;
/** Bytes of one notification (PostgreSQL takes less than 8,000). */
const maxPayloadBytes = 7_000;

type Message =
  | { type: "here" | "quit"; serves: boolean }
  | { type: "hello" | "era"; serves: boolean; era: string }
  | { type: "beat"; serves: boolean; at: number }
  | { type: "drop"; serves: boolean; number: number; id: string; tags: string[]; told?: true }
  | { type: "done"; serves: boolean; to: string; number: number };

interface Peer {
  serves: boolean;
  heardAt: number;
}

/** What is remembered of an invalidation of our own until its message comes back. */
interface Sent {
  tags: readonly string[];
  mark: number;
}

interface Waiting {
  left: Set<string>;
  resolve: () => void;
}

/** Joins the processes on this database. */
export function createInvalidationBus(options: InvalidationBusOptions): InvalidationBus {
  return new NotifyBus(options);
}

class NotifyBus implements InvalidationBus {
  readonly #options: InvalidationBusOptions;
  readonly #now: () => number;
  readonly #peers = new Map<string, Peer>();
  readonly #waiting = new Map<number, Waiting>();
  readonly #stops: (() => void)[];
  #outbox: { message: Message; resolve: () => void }[] = [];
  #sending: Promise<void> | null = null;
  #beatenAt = Number.NEGATIVE_INFINITY;
  #number = 0;
  #eras = 0;
  readonly #sent = new Map<number, Sent>();
  #connected = true;
  /** When the last heartbeat that came back was sent; -Infinity while none did. */
  #provenAt = Number.NEGATIVE_INFINITY;
  /** Not usable before: others must have had the time to hear of this process. */
  #usableFrom = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | null = null;
  #helloTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: InvalidationBusOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    const { listener } = options;
    this.#stops = [
      listener.on(channel, (payload) => this.#hear(payload)),
      listener.onLost(() => this.#interrupted()),
      listener.onReconnect(() => this.#join()),
    ];
    this.#join();
  }

  usable(): boolean {
    const at = this.#now();
    if (!this.#connected || at < this.#usableFrom) return false;
    return this.#peers.size === 0 || at - this.#provenAt <= leaseMs;
  }

  peers(): string[] {
    return [...this.#peers.keys()];
  }

  async publish(tags: readonly string[]): Promise<void> {
    if (this.#closed || tags.length === 0) return;
    const number = ++this.#number;
    const left = new Set([...this.#peers].filter(([, peer]) => peer.serves).map(([id]) => id));
    // While the connection is down nobody's confirmation is heard: only time helps, so it waits for itself.
    if (!this.#connected) left.add(this.#options.processId);
    const confirmed = left.size === 0 ? Promise.resolve() : this.#confirmed(number, left);
    this.#drop(number, tags);
    await confirmed;
  }

  tell(tags: readonly string[]): void {
    if (!this.#closed && tags.length > 0) this.#drop(++this.#number, tags, true);
  }

  #drop(number: number, tags: readonly string[], told?: true): void {
    const { history, processId, serves } = this.#options;
    if (history) this.#sent.set(number, { tags, mark: history.mark() });
    const message: Message = { type: "drop", serves, number, id: `${processId}:${number}`, tags: [...tags] };
    void this.#post(told ? { ...message, told } : message);
  }

  beginEra(): void {
    if (!this.#closed) void this.#post({ type: "era", serves: this.#options.serves, era: this.#nextEra() });
  }

  #nextEra(): string {
    return `${this.#options.processId}:${++this.#eras}`;
  }

  /** What was heard may have a gap. */
  #reset(): void {
    this.#options.history?.reset();
    this.#sent.clear();
    this.#options.onReset();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const stop of this.#stops) stop();
    if (this.#timer) clearInterval(this.#timer);
    clearTimeout(this.#helloTimer);
    for (const waiting of this.#waiting.values()) waiting.resolve();
    await this.#post({ type: "quit", serves: this.#options.serves });
  }

  /** Waits for the others, and for those that stay silent until they cannot show anything old any more. */
  #confirmed(number: number, left: Set<string>): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        for (const id of left) this.#peers.delete(id);
        end();
      }, leaseMs + 100);
      const end = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(number);
        resolve();
      };
      this.#waiting.set(number, { left, resolve: end });
    });
  }

  #join(): void {
    this.#reset();
    this.#connected = true;
    this.#provenAt = Number.NEGATIVE_INFINITY;
    this.#usableFrom = Number.POSITIVE_INFINITY;
    this.#sayHello();
  }

  /** Says hello until it hears itself: the first may be sent before the connection listens. */
  #sayHello(): void {
    if (this.#closed || this.#usableFrom !== Number.POSITIVE_INFINITY) return;
    clearTimeout(this.#helloTimer);
    void this.#post({ type: "hello", serves: this.#options.serves, era: this.#nextEra() });
    this.#helloTimer = setTimeout(() => this.#sayHello(), resendMs);
    this.#helloTimer.unref();
  }

  #interrupted(): void {
    this.#connected = false;
    this.#reset();
  }

  #hear(payload: string): void {
    const at = payload.indexOf("\n");
    const from = payload.slice(0, at);
    for (const message of this.#parse(payload.slice(at + 1))) {
      if (from === this.#options.processId) this.#hearOwn(message);
      else this.#hearOther(from, message);
    }
  }

  #parse(text: string): Message[] {
    try {
      return JSON.parse(text) as Message[];
    } catch (error) {
      // Not one of ours; whatever it was, nothing kept is sure any more.
      this.#options.onError(error);
      this.#reset();
      this.beginEra();
      return [];
    }
  }

  #hearOwn(message: Message): void {
    if (message.type === "hello") this.#usableFrom = Math.min(this.#usableFrom, this.#now() + leaseMs);
    else if (message.type === "beat") this.#provenAt = Math.max(this.#provenAt, message.at);
    if ("era" in message) this.#options.history?.beginEra(message.era);
    if (message.type !== "drop") return;
    // Parts of a long one have the number 0; after an interruption nothing is remembered: both count like another's.
    const sent = this.#sent.get(message.number);
    this.#sent.delete(message.number);
    if (sent) this.#options.history?.heardOwn(sent.tags, message.id, sent.mark);
    else this.#options.history?.heard(message.tags, message.id);
  }

  #hearOther(from: string, message: Message): void {
    if (message.type === "quit") {
      this.#forget(from);
      return;
    }
    const isNew = !this.#peers.has(from);
    this.#peers.set(from, { serves: message.serves, heardAt: this.#now() });
    if (isNew) this.#beginBeating();
    if ("era" in message) this.#options.history?.beginEra(message.era);
    switch (message.type) {
      case "hello":
        void this.#post({ type: "here", serves: this.#options.serves });
        break;
      case "drop":
        this.#options.onInvalidate(message.tags);
        this.#options.history?.heard(message.tags, message.id);
        if (this.#options.serves && message.number > 0 && !message.told) {
          void this.#post({ type: "done", serves: true, to: from, number: message.number });
        }
        break;
      case "done":
        if (message.to === this.#options.processId) this.#confirm(message.number, from);
        break;
      default:
        break;
    }
  }

  #confirm(number: number, from: string): void {
    const waiting = this.#waiting.get(number);
    if (!waiting) return;
    waiting.left.delete(from);
    if (waiting.left.size === 0) waiting.resolve();
  }

  #forget(id: string): void {
    this.#peers.delete(id);
    for (const number of [...this.#waiting.keys()]) this.#confirm(number, id);
  }

  #beginBeating(): void {
    if (this.#timer || this.#closed) return;
    // It was heard in order until now: this counts as a proof while the first heartbeat is under way.
    this.#provenAt = Math.max(this.#provenAt, this.#now());
    const beat = (): void => {
      this.#buryTheSilent();
      if (this.#peers.size === 0) {
        if (this.#timer) clearInterval(this.#timer);
        this.#timer = null;
        return;
      }
      // Where much is said, a heartbeat has gone with it.
      if (this.#now() - this.#beatenAt >= beatMs / 2) void this.#post(this.#beat());
    };
    this.#timer = setInterval(beat, beatMs);
    this.#timer.unref();
    beat();
  }

  #beat(): Message {
    this.#beatenAt = this.#now();
    return { type: "beat", serves: this.#options.serves, at: this.#beatenAt };
  }

  #buryTheSilent(): void {
    const at = this.#now();
    for (const [id, peer] of this.#peers) {
      if (at - peer.heardAt <= silenceMs) continue;
      this.#forget(id);
      // It may have committed something and died before it could say so.
      this.#reset();
      this.beginEra();
    }
  }

  /** Sends a message together with whatever else is waiting; resolves when it was sent, or not the first time. */
  #post(message: Message): Promise<void> {
    return new Promise((resolve) => {
      this.#outbox.push({ message, resolve });
      if (!this.#sending) this.#sending = this.#drain();
    });
  }

  /** One statement at a time is under way. What could not be sent is sent again: the others must hear of every change. */
  async #drain(): Promise<void> {
    while (this.#outbox.length > 0) {
      const batch = this.#outbox;
      this.#outbox = [];
      if (this.#timer && this.#now() - this.#beatenAt >= beatMs / 2)
        batch.push({ message: this.#beat(), resolve: () => undefined });
      const payloads = pack(batch.map(({ message }) => message)).map((part) => `${this.#options.processId}\n${part}`);
      try {
        await this.#options.query(`SELECT pg_notify('${channel}', p) FROM unnest($1::text[]) p`, [payloads]);
      } catch (error) {
        this.#options.onError(error);
        if (this.#closed) break;
        // Old heartbeats prove nothing by the time they arrive.
        this.#outbox = [...batch.filter(({ message }) => message.type !== "beat"), ...this.#outbox];
        await delay(resendMs, undefined, { ref: false });
      } finally {
        for (const { resolve } of batch) resolve();
      }
    }
    this.#sending = null;
  }
}

/** The messages as JSON arrays that each fit into one notification; long lists of tags are cut into several messages. */
function pack(messages: readonly Message[]): string[] {
  const parts: string[] = [];
  let current: string[] = [];
  let bytes = 2;
  for (const message of messages.flatMap(split)) {
    const text = JSON.stringify(message);
    const size = Buffer.byteLength(text) + 1;
    if (current.length > 0 && bytes + size > maxPayloadBytes) {
      parts.push(`[${current.join(",")}]`);
      current = [];
      bytes = 2;
    }
    current.push(text);
    bytes += size;
  }
  if (current.length > 0) parts.push(`[${current.join(",")}]`);
  return parts;
}

const tagsPerMessage = 50;

function split(message: Message): Message[] {
  if (message.type !== "drop" || message.tags.length <= tagsPerMessage) return [message];
  const count = Math.ceil(message.tags.length / tagsPerMessage);
  return Array.from({ length: count }, (_, index) => ({
    ...message,
    // The last part is the one that is confirmed: by then the others were heard.
    number: index === count - 1 ? message.number : 0,
    tags: message.tags.slice(index * tagsPerMessage, (index + 1) * tagsPerMessage),
  }));
}
