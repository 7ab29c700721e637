export interface MicroBatcherOptions<Item, Result> {
  /** A batch leaves when it has this many items … */
  size: number;
  /** … or this long after its first. */
  waitMs: number;
  /** One request for all items; the results stand in the order of the items. */
  run: (group: string, items: Item[]) => Promise<Result[]>;
  /** True for errors that one bad item may have caused for all: the batch is then cut in two to find it. */
  mayBeOneItem: (error: unknown) => boolean;
}

interface Waiting<Item, Result> {
  item: Item;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

/**
 * Collects items of one group into one request. One bad item fails alone; an item whose caller has left is still sent
 * (it is part of others' request) unless it is the whole batch, and its result is then nobody's.
 */
export class MicroBatcher<Item, Result> {
  readonly #options: MicroBatcherOptions<Item, Result>;
  readonly #groups = new Map<string, { waiting: Waiting<Item, Result>[]; timer: NodeJS.Timeout | null }>();

  constructor(options: MicroBatcherOptions<Item, Result>) {
    this.#options = options;
  }

  /** `urgent`: does not wait, and takes along what waits already. */
  add(group: string, items: readonly Item[], urgent: boolean): Promise<Result[]> {
    const results = items.map(
      (item) =>
        new Promise<Result>((resolve, reject) => {
          this.#enqueue(group, { item, resolve, reject });
        }),
    );
    if (urgent) this.#flush(group);
    return Promise.all(results);
  }

  /** Sends everything that waits. */
  flushAll(): void {
    for (const group of [...this.#groups.keys()]) this.#flush(group);
  }

  #enqueue(group: string, waiting: Waiting<Item, Result>): void {
    let entry = this.#groups.get(group);
    if (entry === undefined) {
      entry = { waiting: [], timer: null };
      this.#groups.set(group, entry);
      entry.timer = setTimeout(() => this.#flush(group), this.#options.waitMs);
    }
    entry.waiting.push(waiting);
    if (entry.waiting.length >= this.#options.size) this.#flush(group);
  }

  #flush(group: string): void {
    const entry = this.#groups.get(group);
    if (entry === undefined) return;
    this.#groups.delete(group);
    if (entry.timer !== null) clearTimeout(entry.timer);
    void this.#run(group, entry.waiting);
  }

  async #run(group: string, batch: Waiting<Item, Result>[]): Promise<void> {
    try {
      const items = batch.map((waiting) => waiting.item);
      const results = await this.#options.run(group, items);
      if (results.length !== batch.length)
        throw new Error(`A batch of ${batch.length} was answered by ${results.length}.`);
      for (const [index, waiting] of batch.entries()) waiting.resolve(results[index] as Result);
    } catch (error) {
      if (batch.length === 1 || !this.#options.mayBeOneItem(error)) {
        for (const waiting of batch) waiting.reject(error);
        return;
      }
      const middle = Math.ceil(batch.length / 2);
      await Promise.all([this.#run(group, batch.slice(0, middle)), this.#run(group, batch.slice(middle))]);
    }
  }
}
