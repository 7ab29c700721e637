import type { WebVitalName } from "#contracts";

/** Bounds on what is kept: a page that invents names costs nothing past them. */
const maxPages = 100;
const keptSamples = 200;

/** Upper bound of "good" and of "needs-improvement" (source: web.dev/articles/vitals); milliseconds, CLS its score. */
const bounds: Record<WebVitalName, readonly [number, number]> = {
  LCP: [2500, 4000],
  INP: [200, 500],
  CLS: [0.1, 0.25],
  FCP: [1800, 3000],
  TTFB: [800, 1800],
};

export interface VitalSamples {
  page: string;
  name: WebVitalName;
  values: number[];
}

/** How the value is rated, by the bounds of web.dev. */
export function rateVital(name: WebVitalName, value: number): "good" | "needs-improvement" | "poor" {
  const [good, fair] = bounds[name];
  return value <= good ? "good" : value <= fair ? "needs-improvement" : "poor";
}

/** 75th percentile by nearest rank (the share that web vitals are judged by), null when there are none. */
export function p75(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * 0.75) - 1] ?? null;
}

/** The latest web vitals by page and name. */
export class VitalLog {
  readonly #samples = new Map<string, VitalSamples>();

  add(page: string, name: WebVitalName, value: number): void {
    const key = `${name} ${page}`;
    let samples = this.#samples.get(key);
    if (samples === undefined) {
      if (this.#samples.size >= maxPages * Object.keys(bounds).length) return;
      samples = { page, name, values: [] };
      this.#samples.set(key, samples);
    }
    samples.values.push(value);
    if (samples.values.length > keptSamples) samples.values.shift();
  }

  list(): VitalSamples[] {
    return [...this.#samples.values()].map((samples) => ({ ...samples, values: [...samples.values] }));
  }
}
