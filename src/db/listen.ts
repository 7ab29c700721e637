import pg from "pg";
import type { Queryable } from "./open-database.ts";

/** One connection that listens for NOTIFY and comes back by itself. */
export interface Listener {
  /** Calls `fn` with the payload of every notification on the channel; returns how to stop. */
  on(channel: string, fn: (payload: string) => void): () => void;
  /** Called after each reconnection: what was sent meanwhile is lost, look at the tables. */
  onReconnect(fn: () => void): () => void;
  /** Called when the connection breaks: until the reconnection nothing is heard. */
  onLost(fn: () => void): () => void;
  close(): Promise<void>;
}

/**
 * Opens the listening connection. Resolves when it stands; afterwards it reconnects for ever, after 0.1 to 2 s.
 * Rejects if the first connection fails.
 */
export async function openListener(url: string, onError: (error: unknown) => void): Promise<Listener> {
  const handlers = new Map<string, Set<(payload: string) => void>>();
  const reconnectHandlers = new Set<() => void>();
  const lostHandlers = new Set<() => void>();
  let client: pg.Client | undefined;
  let closed = false;
  let listens: Promise<unknown> = Promise.resolve();
  let retryTimer: NodeJS.Timeout | undefined;

  /** Closing, it may well be cut off: that is no fault any more. */
  function report(error: unknown): void {
    if (!closed) onError(error);
  }

  async function connect(): Promise<void> {
    const next = new pg.Client({
      connectionString: url,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      connectionTimeoutMillis: 5_000,
      application_name: "muster-listen",
    });
    next.on("error", (error) => {
      report(error);
      lost(next);
    });
    next.on("end", () => lost(next));
    next.on("notification", (message) => {
      for (const fn of handlers.get(message.channel) ?? []) fn(message.payload ?? "");
    });
    await next.connect();
    for (const channel of handlers.keys()) await next.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
    client = next;
  }

  function lost(which: pg.Client): void {
    if (client !== which || closed) return;
    client = undefined;
    for (const fn of lostHandlers) fn();
    retry(100);
  }

  function retry(delayMs: number): void {
    if (closed) return;
    retryTimer = setTimeout(() => {
      connect().then(
        () => {
          for (const fn of reconnectHandlers) fn();
        },
        (error) => {
          report(error);
          retry(Math.min(2_000, delayMs * 2));
        },
      );
    }, delayMs);
  }

  await connect();
  return {
    on(channel, fn) {
      const known = handlers.get(channel);
      if (known) known.add(fn);
      else {
        handlers.set(channel, new Set([fn]));
        // One after the other: the driver takes no second statement before the first is answered.
        const listening = client;
        if (listening)
          listens = listens.then(() => listening.query(`LISTEN ${pg.escapeIdentifier(channel)}`)).catch(report);
      }
      return () => handlers.get(channel)?.delete(fn);
    },
    onReconnect(fn) {
      reconnectHandlers.add(fn);
      return () => reconnectHandlers.delete(fn);
    },
    onLost(fn) {
      lostHandlers.add(fn);
      return () => lostHandlers.delete(fn);
    },
    async close() {
      if (closed) return;
      closed = true;
      clearTimeout(retryTimer);
      await client?.end();
    },
  };
}

export interface Notifier {
  notify(channel: string, payload: string): void;
  /** Sends what is waiting; call before the database is closed. */
  close(): Promise<void>;
}

/**
 * Sends NOTIFY for a process: the first of a quiet time at once, further ones together after `intervalMs`, equal ones
 * once. NOTIFY takes a lock on the whole server at commit, so it is never sent per token or per row.
 */
export function createNotifier(
  db: Pick<Queryable, "query">,
  onError: (error: unknown) => void,
  intervalMs = 50,
): Notifier {
  let pending = new Map<string, [string, string]>();
  let timer: NodeJS.Timeout | undefined;

  async function send(): Promise<void> {
    const batch = [...pending.values()];
    pending = new Map();
    if (batch.length === 0) return;
    try {
      await db.query("events_notify", "SELECT pg_notify(c, p) FROM unnest($1::text[], $2::text[]) AS t(c, p)", [
        batch.map(([channel]) => channel),
        batch.map(([, payload]) => payload),
      ]);
    } catch (error) {
      // A lost notification costs latency, never data: readers poll.
      onError(error);
    }
  }

  return {
    notify(channel, payload) {
      // Of several announcements about one thing the last one says it all.
      const subject = payload.slice(0, payload.lastIndexOf(":") + 1) || payload;
      pending.set(`${channel} ${subject}`, [channel, payload]);
      if (timer) return;
      void send();
      timer = setTimeout(() => {
        timer = undefined;
        void send();
      }, intervalMs);
      timer.unref();
    },
    async close() {
      clearTimeout(timer);
      await send();
    },
  };
}
