import { hash } from "node:crypto";
import type { Stamp, TagHistory } from "#cache";
import type { StoredAnswer } from "./response-cache.ts";

/** Bytes by key outside this process, for example Redis. Both reject or take their time when it is away. */
export interface ByteStore {
  get(key: string): Promise<Buffer | null>;
  set(key: string, value: Buffer, ttlMs: number): Promise<unknown>;
}

/**
 * Answers that other processes loaded. Contract: `read` returns only what no invalidation that this process heard of made old
 * (`TagHistory`); whatever happens to the store costs time, never truth. It never rejects.
 */
export interface SecondLevel {
  read(key: string, tags: readonly string[]): Promise<StoredAnswer | null>;
  /** Called when a loading begins; the returned function keeps its answer, in the background. */
  willWrite(key: string, tags: readonly string[], ttlMs: number): (answer: StoredAnswer) => void;
}

interface Head {
  key: string;
  etag: string;
  contentType: string;
  stamp: Stamp;
}

/** A store that takes longer than the query it saves is not worth waiting for. */
const patienceMs = 50;
/** After a failure it is left alone for so long. */
const restMs = 500;
const maxBytes = 512 * 1_024;

/** Keeps answers in `store` under names that begin with `prefix`. */
export function createSecondLevel(options: { store: ByteStore; history: TagHistory; prefix: string }): SecondLevel {
  const { store, history, prefix } = options;
  const nameOf = (key: string): string => prefix + hash("sha256", key, "base64url");
  let restUntil = 0;

  /** Null when the store fails, is too slow, or did so a moment ago. */
  async function tryStore<Result>(work: () => Promise<Result>): Promise<Result | null> {
    if (performance.now() < restUntil) return null;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("too slow")), patienceMs);
    });
    try {
      return await Promise.race([work(), late]);
    } catch {
      // Whoever opened the store reports that it is away; here it only means to go on without it.
      restUntil = performance.now() + restMs;
      return null;
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    async read(key, tags) {
      // Where nothing can be judged, nothing is asked.
      if (history.stamp(tags) === null) return null;
      const bytes = await tryStore(() => store.get(nameOf(key)));
      if (!bytes) return null;
      const { head, identity } = unpack(bytes);
      // Judged now, with all that was heard while the store was answering.
      if (head.key !== key || !history.accepts(head.stamp, tags)) return null;
      return { etag: head.etag, contentType: head.contentType, length: identity.length, identity, headers: {} };
    },
    willWrite(key, tags, ttlMs) {
      const stamp = history.stamp(tags);
      return ({ etag, contentType, identity }) => {
        if (stamp === null || identity === null || identity.length > maxBytes) return;
        const bytes = pack({ key, etag, contentType, stamp }, identity);
        void tryStore(() => store.set(nameOf(key), bytes, ttlMs));
      };
    },
  };
}

/** Length of the head (4 bytes), the head as JSON, the body. */
function pack(head: Head, identity: Buffer): Buffer {
  const text = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, text, identity]);
}

function unpack(bytes: Buffer): { head: Head; identity: Buffer } {
  const end = 4 + bytes.readUInt32BE(0);
  return { head: JSON.parse(bytes.toString("utf8", 4, end)) as Head, identity: bytes.subarray(end) };
}
