import type { SlowQuery } from "#contracts";
import { SlowQueryLog } from "./slow-queries.ts";
import { WindowCounter, WindowHistogram, type WindowSlot } from "./window.ts";

const histogramNames = [
  "httpDuration",
  "dbQuery",
  "poolWait",
  "timeToFirstToken",
  "llmAdded",
  "rateLimitWait",
  "queueWait",
  "eventDelivery",
] as const;
export type LiveHistogram = (typeof histogramNames)[number];

/** Cache names are chosen by us, so few; the bound only guards against a mistake. */
const maxCaches = 50;

/** The last five minutes as plain data, so that the processes of one machine can send it to each other. Times are ms. */
export interface LiveState {
  /** What the process does: all, api or worker. */
  role: string;
  uptimeSeconds: number;
  histograms: Record<LiveHistogram, WindowSlot[]>;
  /** Requests that are in no histogram: refused ones, calls that wait for a model, files, streams. */
  httpUntimed: WindowSlot[];
  httpErrors: WindowSlot[];
  caches: { cache: string; hits: WindowSlot[]; misses: WindowSlot[] }[];
  slowQueries: SlowQuery[];
}

/** What `GET /performance` is made of: windows of five minutes and the latest slow queries. */
export class LiveFigures {
  readonly slowQueries = new SlowQueryLog();
  readonly #role: string;
  readonly #now: () => number;
  readonly #started: number;
  readonly #histograms: Record<LiveHistogram, WindowHistogram>;
  readonly #httpUntimed: WindowCounter;
  readonly #httpErrors: WindowCounter;
  readonly #caches = new Map<string, { hits: WindowCounter; misses: WindowCounter }>();

  constructor(role: string, now: () => number) {
    this.#role = role;
    this.#now = now;
    this.#started = now();
    this.#histograms = Object.fromEntries(histogramNames.map((name) => [name, new WindowHistogram(now)])) as Record<
      LiveHistogram,
      WindowHistogram
    >;
    this.#httpUntimed = new WindowCounter(now);
    this.#httpErrors = new WindowCounter(now);
  }

  record(name: LiveHistogram, valueMs: number): void {
    this.#histograms[name].record(valueMs);
  }

  httpUntimed(): void {
    this.#httpUntimed.add();
  }

  httpError(): void {
    this.#httpErrors.add();
  }

  cache(name: string, hit: boolean): void {
    let counters = this.#caches.get(name);
    if (counters === undefined) {
      if (this.#caches.size >= maxCaches) return;
      counters = { hits: new WindowCounter(this.#now), misses: new WindowCounter(this.#now) };
      this.#caches.set(name, counters);
    }
    counters[hit ? "hits" : "misses"].add();
  }

  state(): LiveState {
    return {
      role: this.#role,
      uptimeSeconds: (this.#now() - this.#started) / 1000,
      histograms: Object.fromEntries(
        histogramNames.map((name) => [name, this.#histograms[name].slots()]),
      ) as LiveState["histograms"],
      httpUntimed: this.#httpUntimed.slots(),
      httpErrors: this.#httpErrors.slots(),
      caches: [...this.#caches].map(([cache, { hits, misses }]) => ({
        cache,
        hits: hits.slots(),
        misses: misses.slots(),
      })),
      slowQueries: this.slowQueries.list(),
    };
  }
}
