import type { LlmCallRecord, LlmObserver } from "../records.ts";
import type { LedgerStore } from "./ledger-store.ts";

/** At most this long after a call its row is written. */
const GROUP_MS = 100;
const LARGEST_GROUP = 500;
/** Rows kept while the store is away; beyond this the oldest are given up and reported. */
const MOST_WAITING = 100_000;

/**
 * Writes the bill of plain calls in groups: no call waits for a disk. Calls whose own ledger writes the bill (an
 * execution's journal) are left out. A group that fails is tried again.
 */
export class UsageWriter implements LlmObserver {
  readonly #store: LedgerStore;
  readonly #onError: (error: unknown) => void;
  #waiting: LlmCallRecord[] = [];
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: { store: LedgerStore; onError: (error: unknown) => void }) {
    this.#store = options.store;
    this.#onError = options.onError;
  }

  onCall(record: LlmCallRecord): void {
    // A call that reached nobody (refused before its socket) is on no bill.
    if (record.billedElsewhere || (record.outcome !== "done" && record.usage === null)) return;
    this.#waiting.push(record);
    if (this.#waiting.length > MOST_WAITING) {
      this.#waiting.shift();
      this.#onError(new Error("Usage rows were given up: the database did not take them for too long."));
    }
    this.#schedule();
  }

  /** Writes what is waiting. */
  async flush(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#writing = this.#writing.then(() => this.#write());
    await this.#writing;
  }

  #schedule(): void {
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#writing = this.#writing.then(() => this.#write());
    }, GROUP_MS);
    this.#timer.unref();
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting.slice(0, LARGEST_GROUP);
      try {
        await this.#store.writeUsage(group);
      } catch (error) {
        this.#onError(error);
        this.#schedule();
        return;
      }
      this.#waiting.splice(0, group.length);
    }
  }
}
