import type { UserChange } from "#contracts";
import { type ChangeArea, type Database, readUserChange, readUserSnapshot } from "#domain";
import { type AnswerCache, anythingTag } from "./response-cache.ts";

export interface UserChangeListener {
  /** Ready to be sent; the same bytes for all that follow one user. */
  onChange(frame: Buffer): void;
  onError(error: unknown): void;
}

/**
 * Tells whoever follows a user what changed for them, in whichever process. It hears what the response cache hears:
 * every write and every commit of a worker names what it makes old. So nothing is asked while nothing changes, and one reading
 * serves all windows of a user. Nothing is stored: whoever comes (back) gets a snapshot first.
 */
export interface UserChanges {
  follow(userId: string, listener: UserChangeListener): () => void;
  close(): void;
}

interface Followed {
  listeners: Set<UserChangeListener>;
  executionIds: Set<string>;
  areas: Set<ChangeArea>;
  timer: NodeJS.Timeout | null;
  reading: boolean;
  /** When the last change was sent. */
  sentAt: number;
}

/** The first change is told at once (what belongs together is gathered), further ones at most this often. */
const gatherMs = 40;
const intervalMs = 1_000;
/** Of more executions at once a snapshot is told, with which pages find out what they show that is over. */
const maxExecutions = 100;

/** Begins to listen; until someone follows, that costs a look into an empty map per write. */
export function createUserChanges(options: { db: Database; cache: Pick<AnswerCache, "onInvalidated"> }): UserChanges {
  const { db } = options;
  const followed = new Map<string, Followed>();

  const unsubscribe = options.cache.onInvalidated((tags) => {
    if (tags[0] === anythingTag) for (const [userId, one] of followed) sendSnapshot(userId, one, one.listeners);
    else if (followed.size > 0) note(tags);
  });

  function sendSnapshot(userId: string, one: Followed, to: Iterable<UserChangeListener>): void {
    const waiting = [...to];
    const present = () => waiting.filter((listener) => one.listeners.has(listener));
    readUserSnapshot(db, { userId }).then(
      (snapshot) => {
        const frame = toFrame(snapshot);
        for (const listener of present()) listener.onChange(frame);
      },
      (error: unknown) => {
        for (const listener of present()) listener.onError(error);
      },
    );
  }

  function note(tags: readonly string[]): void {
    const touched = new Set<string>();
    const executionIds: string[] = [];
    for (const tag of tags) {
      const [owner = "", rest = ""] = tag.split(":", 2);
      if (owner === "execution") executionIds.push(rest);
      const one = followed.get(owner);
      if (!one) continue;
      one.areas.add(rest as ChangeArea);
      touched.add(owner);
    }
    for (const userId of touched) {
      const one = followed.get(userId);
      if (!one) continue;
      // Tags of several users may come together: the reading is bound to this user and leaves out what is another's.
      for (const id of executionIds) if (one.executionIds.size < maxExecutions) one.executionIds.add(id);
      plan(userId, one);
    }
  }

  function plan(userId: string, one: Followed): void {
    if (one.timer || one.reading) return;
    const waitMs = Math.max(gatherMs, one.sentAt + intervalMs - performance.now());
    one.timer = setTimeout(() => void tell(userId, one), waitMs);
    one.timer.unref();
  }

  async function tell(userId: string, one: Followed): Promise<void> {
    one.timer = null;
    one.reading = true;
    const changed = { executionIds: [...one.executionIds], areas: new Set(one.areas) };
    one.executionIds.clear();
    one.areas.clear();
    try {
      const isTooMuch = changed.executionIds.length >= maxExecutions;
      const read = isTooMuch ? readUserSnapshot(db, { userId }) : readUserChange(db, { userId }, changed);
      const frame = toFrame(await read);
      for (const listener of one.listeners) listener.onChange(frame);
    } catch (error) {
      for (const listener of one.listeners) listener.onError(error);
    }
    one.reading = false;
    one.sentAt = performance.now();
    if (one.areas.size > 0 && one.listeners.size > 0) plan(userId, one);
  }

  return {
    follow(userId, listener) {
      let one = followed.get(userId);
      if (!one) {
        one = {
          listeners: new Set(),
          executionIds: new Set(),
          areas: new Set(),
          timer: null,
          reading: false,
          sentAt: 0,
        };
        followed.set(userId, one);
      }
      const joined = one;
      joined.listeners.add(listener);
      // Read after it began to listen: what changes meanwhile is told again, nothing is missed.
      sendSnapshot(userId, joined, [listener]);
      return () => {
        joined.listeners.delete(listener);
        if (joined.listeners.size > 0) return;
        if (joined.timer) clearTimeout(joined.timer);
        if (followed.get(userId) === joined) followed.delete(userId);
      };
    },
    close() {
      unsubscribe();
      for (const one of followed.values()) if (one.timer) clearTimeout(one.timer);
      followed.clear();
    },
  };
}

/** One Server-Sent Events frame (WHATWG HTML, section 9.2). */
function toFrame(change: UserChange): Buffer {
  return Buffer.from(`data: ${JSON.stringify(change)}\n\n`);
}
