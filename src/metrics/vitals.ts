import type { WebVitalName } from "#contracts";

/** Upper bound of "good" and of "needs-improvement" (source: web.dev/articles/vitals); milliseconds, CLS its score. */
const bounds: Record<WebVitalName, readonly [number, number]> = {
  LCP: [2500, 4000],
  INP: [200, 500],
  CLS: [0.1, 0.25],
  FCP: [1800, 3000],
  TTFB: [800, 1800],
};

/** What the users of a page measured; `page` is null for all pages together. */
export interface VitalSummary {
  page: string | null;
  name: WebVitalName;
  /** The percentile that web vitals are judged by. */
  p75: number;
  samples: number;
}

/** How the value is rated, by the bounds of web.dev. */
export function rateVital(name: WebVitalName, value: number): "good" | "needs-improvement" | "poor" {
  const [good, fair] = bounds[name];
  return value <= good ? "good" : value <= fair ? "needs-improvement" : "poor";
}
