import { SecondChance } from "#cache";
import type { LlmFrame } from "../types.ts";
import type { CachedAnswer, CacheTags } from "./cache-store.ts";

/**
 * An answer as it is kept. Frames of plain text are the places where they end in the answer's text: an object and a string
 * for each of them would be most of what the collector has to visit and to move.
 */
interface Packed extends Omit<CachedAnswer, "frames"> {
  frames: readonly LlmFrame[] | null;
  ends: readonly number[] | null;
}

interface Entry {
  answer: Packed;
  tags: CacheTags;
  bytes: number;
  expiresAtMs: number;
  /** Asked for since it was last looked at for removal. */
  used: boolean;
}

function pack({ frames, reply, costNanoUsd, storedAtMs }: CachedAnswer): Packed {
  const kept = { reply, costNanoUsd, storedAtMs };
  const texts: string[] = [];
  for (const frame of frames) if (frame.type === "text") texts.push(frame.text);
  // One string of its own: what the answer was put together from would be kept with it.
  const text = texts.join("");
  if (texts.length < frames.length || text !== reply.text) return { ...kept, frames, ends: null };
  let end = 0;
  const ends = texts.map((one) => {
    end += one.length;
    return end;
  });
  return { ...kept, reply: { ...reply, text }, frames: null, ends };
}

function unpack({ frames, ends, ...kept }: Packed): CachedAnswer {
  if (frames !== null) return { ...kept, frames: [...frames] };
  let start = 0;
  const texts = (ends ?? []).map((end): LlmFrame => {
    const text = kept.reply.text.slice(start, end);
    start = end;
    return { type: "text", text };
  });
  return { ...kept, frames: texts };
}

/** Approximate heap of an answer: two bytes a character and what an object costs. */
function bytesOf({ reply, frames, ends }: Packed): number {
  let bytes = 600 + 2 * (reply.text.length + reply.reasoning.length) + 8 * (ends?.length ?? 0);
  for (const call of reply.toolCalls) bytes += 100 + 2 * call.arguments.length;
  for (const frame of frames ?? []) bytes += 72 + 2 * frameLength(frame);
  return bytes;
}

function frameLength(frame: LlmFrame): number {
  if (frame.type === "tool-call") return frame.argumentsDelta.length + (frame.name?.length ?? 0);
  return "text" in frame ? frame.text.length : 0;
}

/** The first level: the oldest that nobody asked for go first once the byte budget is full. Reads are synchronous. */
export class MemoryCache {
  readonly #entries = new Map<string, Entry>();
  readonly #maxBytes: number;
  readonly #now: () => number;
  #bytes = 0;
  readonly #line = new SecondChance(this.#entries);

  constructor(options: { maxBytes: number; now: () => number }) {
    this.#maxBytes = options.maxBytes;
    this.#now = options.now;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): CachedAnswer | null {
    const entry = this.#entries.get(key);
    if (entry === undefined) return null;
    if (entry.expiresAtMs <= this.#now()) {
      this.#remove(key, entry);
      return null;
    }
    entry.used = true;
    return unpack(entry.answer);
  }

  set(key: string, answer: CachedAnswer, tags: CacheTags, ttlMs: number): void {
    const previous = this.#entries.get(key);
    if (previous !== undefined) this.#remove(key, previous);
    const packed = pack(answer);
    const bytes = bytesOf(packed) + key.length * 2;
    // One answer may not empty the cache.
    if (bytes > this.#maxBytes / 4) return;
    this.#entries.set(key, { answer: packed, tags, bytes, expiresAtMs: this.#now() + ttlMs, used: false });
    this.#bytes += bytes;
    while (this.#bytes > this.#maxBytes) {
      const oldest = this.#line.next();
      if (oldest === null) break;
      this.#remove(oldest.key, oldest.entry);
    }
  }

  purge(filter: { tenantId: string; squadId?: string; model?: string }): number {
    let count = 0;
    for (const [key, entry] of this.#entries) {
      if (entry.tags.tenantId !== filter.tenantId) continue;
      if (filter.squadId !== undefined && entry.tags.squadId !== filter.squadId) continue;
      if (filter.model !== undefined && entry.tags.model !== filter.model) continue;
      this.#remove(key, entry);
      count += 1;
    }
    return count;
  }

  #remove(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }
}
