import type { WebVital, WebVitalsBody } from "#contracts";

const names: Record<WebVital["name"], true> = { LCP: true, INP: true, CLS: true, FCP: true, TTFB: true };

/** What the vitals library measured; `entries` are what the browser saw, `navigationURL` is the page view it belongs to. */
interface Metric {
  name: string;
  value: number;
  rating?: WebVital["rating"];
  entries?: readonly { startTime: number; value?: number }[];
  navigationURL?: string;
}

/** The pattern of the route a path belongs to: ids never leave the page. */
export function routePattern(path: string): string {
  const [, section = "", id] = path.split("/");
  if (!id) return `/${section}`;
  return id === "new" ? `/${section}/new` : `/${section}/[id]`;
}

/** The interaction or shift that weighs most; the worst of a document is made known long after it happened. */
function momentOf({ name, entries = [] }: Metric): number | null {
  if (name !== "INP" && name !== "CLS") return null;
  const [first, ...rest] = entries;
  if (!first) return null;
  return rest.reduce((worst, entry) => ((entry.value ?? 0) > (worst.value ?? 0) ? entry : worst), first).startTime;
}

/**
 * Gathers web vitals and sends them in one beacon, when the page is hidden or a moment after the last one.
 * A beacon that the browser refuses is dropped: measuring must not disturb. `visit` tells which page is seen from a moment
 * on (as `performance.now()`); an interaction or a shift counts for the page on which it happened.
 */
export function createVitalsReporter() {
  let vitals: WebVital[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    if (vitals.length === 0) return;
    const body: WebVitalsBody = { vitals: vitals.slice(0, 20) };
    vitals = [];
    navigator.sendBeacon?.("/api/v1/vitals", new Blob([JSON.stringify(body)], { type: "application/json" }));
  };
  const start = typeof location === "undefined" ? "/" : location.pathname;
  const visits: { path: string; from: number }[] = [{ path: start, from: 0 }];
  const pageOf = (metric: Metric): string => {
    const moment = momentOf(metric);
    if (moment !== null) return visits.findLast(({ from }) => from <= moment)?.path ?? start;
    return metric.navigationURL ? new URL(metric.navigationURL).pathname : start;
  };
  return {
    visit(path: string, from: number) {
      if (visits.at(-1)?.path !== path) visits.push({ path, from });
    },
    add(metric: Metric) {
      if (!(metric.name in names)) return;
      const name = metric.name as WebVital["name"];
      vitals.push({ name, value: metric.value, page: routePattern(pageOf(metric)), rating: metric.rating ?? "good" });
      timer ??= setTimeout(flush, 5000);
    },
    flush,
  };
}
