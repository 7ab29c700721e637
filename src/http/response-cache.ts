import { hash } from "node:crypto";
import { createTaggedCache, type Renewal, type TaggedCache, type TagHistory } from "#cache";
import { compressFromBytes, type Encoding, fromGzip, toBrotli, toGzip } from "./encodings.ts";
import type { SecondLevel } from "./second-level.ts";

/** An answer of status 200 as bytes, with the compressed forms that were asked for so far. */
export interface StoredAnswer {
  /** Weak: all codings share it (RFC 9110, section 8.8.3). */
  etag: string;
  contentType: string;
  /** Bytes of the plain form. */
  length: number;
  /** The plain form; null when only its gzip form is kept (`spareRoom`), and Brotli if it was read again. */
  identity: Buffer | null;
  gzip?: Buffer;
  br?: Buffer;
  /** It came from the second level. */
  loadedElsewhere?: boolean;
  /** What is being made; until there is Brotli gzip is sent. */
  gzipUnderWay?: Promise<Buffer>;
  brUnderWay?: boolean;
  /** Names and values in turn, made at the first use of a form. */
  headers: Partial<Record<Encoding | "notModified", string[]>>;
}

/**
 * Answers by caller and address. `invalidate` resolves when no process shows the old answers any more: an answer to a
 * write waits for it, so that a caller never reads behind its own write, whichever process answers.
 */
export interface AnswerCache {
  readonly answers: TaggedCache<StoredAnswer>;
  /** More than half of the room is taken. */
  isRoomScarce(): boolean;
  /**
   * To be called when a kept answer has been sent, so that several times as many fit: while room is scarce, a large one that
   * is asked for again, or that has its gzip form anyway, loses its plain form. Rejects when it cannot be packed.
   */
  spareRoom(key: string, answer: StoredAnswer, again: boolean): Promise<void> | undefined;
  /** False while this process may have missed invalidations of others: nothing may be shown from `answers` then. */
  usable(): boolean;
  invalidate(tags: readonly string[]): Promise<void>;
  /** What other processes loaded; absent without a store for it. */
  readonly secondLevel?: SecondLevel | undefined;
  /** Hears of every invalidation, of this process and of others; `[anythingTag]` when some may have been missed. */
  onInvalidated(listener: (tags: readonly string[]) => void): () => void;
}

/** Stands for every tag there is. */
export const anythingTag = "*";

/** What connects the caches of several processes: `createInvalidationBus` of the cache module. */
export interface Invalidations {
  usable(): boolean;
  /** Tells the others; resolves when they have done it. */
  publish(tags: readonly string[]): Promise<void>;
}

export interface AnswerCacheOptions {
  maxBytes?: number;
  /** True while others wait for what loading takes: then nothing is loaded that nobody asked for. Never when absent. */
  isBusy?: () => boolean;
  /** Joins the other processes; absent: there are none. */
  connect?: (handlers: { onInvalidate: (tags: string[]) => void; onReset: () => void }) => Invalidations;
  /** A level behind the memory of this process, and the history that tells what in it is still true. */
  secondLevel?: { level: SecondLevel; history: TagHistory } | undefined;
}

/** Of the answers that one write makes old, so many of those most in use are made anew. */
const renewedPerWrite = 8;
/**
 * Workers write in bursts: what they made old is made anew when a burst had so long to end, and so much longer, by chance,
 * that of several processes the first loads and the others find its answer in the second level. An execution is many
 * bursts: what was not read since the last one waits longer each time, so that the last renewal comes when it is over.
 */
const renewLaterMs = { least: 50, more: 100, unreadFactor: 4 };

/** Renewals in the background that run at once, and that may wait. */
const renewedTogether = 2;
const maxWaiting = 500;

const defaultMaxBytes = 64 * 1_024 * 1_024;

/** The cache of this process; connected, its invalidations reach every process. */
export function createAnswerCache(options: AnswerCacheOptions = {}): AnswerCache {
  const maxBytes = options.maxBytes ?? defaultMaxBytes;
  const kept = createTaggedCache<StoredAnswer>({
    maxBytes,
    sizeOf,
  });
  const listeners = new Set<(tags: readonly string[]) => void>();
  const drop = (tags: readonly string[]): Renewal[] => {
    const renewals = kept.invalidate(tags);
    for (const listener of listeners) listener(tags);
    return renewals;
  };
  const dropOwn = (tags: readonly string[]): Renewal[] => {
    options.secondLevel?.history.invalidated(tags);
    return drop(tags);
  };
  const isRoomScarce = () => kept.size().bytes > maxBytes / 2;
  const leavePacked = async (key: string, answer: StoredAnswer): Promise<void> => {
    await makeGzip(answer, 6);
    answer.identity = null;
    kept.resized(key, answer);
  };
  const isBusy = options.isBusy ?? (() => false);
  const renewer = createRenewer(isBusy);
  const others = options.connect?.({
    onInvalidate: (tags) => renewer.later(drop(tags)),
    onReset: () => {
      renewer.forget();
      kept.clear();
      for (const listener of listeners) listener([anythingTag]);
    },
  });
  return {
    answers: {
      ...kept,
      invalidate(tags) {
        renewer.later(dropOwn([...tags]));
        return [];
      },
    },
    isRoomScarce,
    spareRoom(key, answer, again) {
      if (answer.identity === null || answer.length < compactFromBytes || !(again || answer.gzip)) return undefined;
      return isRoomScarce() ? leavePacked(key, answer) : undefined;
    },
    secondLevel: options.secondLevel?.level,
    usable: () => others?.usable() ?? true,
    async invalidate(tags) {
      if (tags.length === 0) return;
      const renewals = dropOwn(tags);
      await others?.publish(tags);
      // The page that the writer looks at is asked for next: it is there by then. After the answer to the write is on its way.
      if (renewals.length > 0 && !isBusy()) setImmediate(renew, renewals);
    },
    onInvalidated(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function renew(renewals: readonly Renewal[]): void {
  for (const one of renewals.slice(0, renewedPerWrite)) void one.load();
}

/** Renews in the background, a few at a time, what others made old. */
function createRenewer(isBusy: () => boolean): { later(renewals: readonly Renewal[]): void; forget(): void } {
  const timers = new Set<NodeJS.Timeout>();
  let due: Renewal[] = [];
  let working = 0;

  async function work(): Promise<void> {
    working++;
    for (let next = due.shift(); next !== undefined; next = due.shift()) {
      if (!isBusy()) await next.load();
    }
    working--;
  }

  function waitFor(renewal: Renewal): void {
    const { least, more, unreadFactor } = renewLaterMs;
    const delayMs = (least + Math.random() * more) * unreadFactor ** renewal.unread;
    const timer = setTimeout(() => {
      timers.delete(timer);
      due.push(renewal);
      if (working < renewedTogether) void work();
    }, delayMs);
    timer.unref();
    timers.add(timer);
  }

  return {
    later(renewals) {
      // What does not find room is loaded when somebody asks for it.
      const room = Math.max(0, maxWaiting - timers.size - due.length);
      for (const renewal of renewals.slice(0, Math.min(renewedPerWrite, room))) waitFor(renewal);
    },
    forget() {
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
      due = [];
    },
  };
}

/** The weak entity tag of a body. */
export function etagOf(body: Buffer | string): string {
  return `W/"${hash("sha1", body, "base64url")}"`;
}

/** Answers of this size and more may be kept compressed only: nearly every client takes that form. */
const compactFromBytes = 4_096;

/** Bytes that an answer takes, with its key, tags and headers. */
function sizeOf({ identity, br, gzip }: StoredAnswer): number {
  return (identity?.length ?? 0) + (gzip?.length ?? 0) + (br?.length ?? 0) + 500;
}

/** The plain bytes of a kept answer, unpacked where they are not there. */
export async function plainOf({ identity, gzip, length }: StoredAnswer): Promise<Buffer> {
  return identity ?? fromGzip(gzip as Buffer, length);
}

/** Makes the gzip form where there is none yet; those who ask meanwhile share the work. */
export async function makeGzip(answer: StoredAnswer, level: 1 | 6): Promise<void> {
  if (answer.gzip || answer.identity === null) return;
  answer.gzipUnderWay ??= toGzip(answer.identity, level);
  try {
    answer.gzip = await answer.gzipUnderWay;
  } finally {
    delete answer.gzipUnderWay;
  }
}

/** Starts making the Brotli form of an answer that is asked for again; nobody waits for it. */
export function prepareBrotli(answer: StoredAnswer, after: FormsMade): void {
  makeBrotli(answer).then(after.onMade, after.onError);
}

/** What is to be done when an answer got another form, and when that failed. */
export interface FormsMade {
  onMade: () => void;
  onError: (error: unknown) => void;
}

async function makeBrotli(answer: StoredAnswer): Promise<void> {
  if (answer.br || answer.brUnderWay || answer.length < compressFromBytes) return;
  answer.brUnderWay = true;
  try {
    answer.br = await toBrotli(await plainOf(answer), 4);
  } finally {
    answer.brUnderWay = false;
  }
}
