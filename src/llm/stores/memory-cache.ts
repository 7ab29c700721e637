import { SecondChance } from "#cache";
import type { LlmFrame } from "../types.ts";
import type { CachedAnswer, CacheTags } from "./cache-store.ts";

interface Entry {
  answer: CachedAnswer;
  tags: CacheTags;
  bytes: number;
  expiresAtMs: number;
  /** Asked for since it was last looked at for removal. */
  used: boolean;
}

/** Approximate heap of an answer: two bytes a character and what an object costs. */
export function answerBytes(answer: CachedAnswer): number {
  const { reply } = answer;
  let bytes = 600 + 2 * (reply.text.length + reply.reasoning.length);
  for (const call of reply.toolCalls) bytes += 100 + 2 * call.arguments.length;
  for (const frame of answer.frames) bytes += 72 + 2 * frameLength(frame);
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
    return entry.answer;
  }

  set(key: string, answer: CachedAnswer, tags: CacheTags, ttlMs: number): void {
    const previous = this.#entries.get(key);
    if (previous !== undefined) this.#remove(key, previous);
    const bytes = answerBytes(answer) + key.length * 2;
    // One answer may not empty the cache.
    if (bytes > this.#maxBytes / 4) return;
    this.#entries.set(key, { answer, tags, bytes, expiresAtMs: this.#now() + ttlMs, used: false });
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
