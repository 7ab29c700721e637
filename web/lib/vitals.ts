import type { WebVital, WebVitalsBody } from "#contracts";

const names: Record<WebVital["name"], true> = { LCP: true, INP: true, CLS: true, FCP: true, TTFB: true };

interface Metric {
  name: string;
  value: number;
  rating?: WebVital["rating"];
}

/** The pattern of the route a path belongs to: ids never leave the page. */
export function routePattern(path: string): string {
  const [, section = "", id] = path.split("/");
  if (!id) return `/${section}`;
  return id === "new" ? `/${section}/new` : `/${section}/[id]`;
}

/**
 * Gathers web vitals and sends them in one beacon, when the page is hidden or a moment after the last one.
 * A beacon that the browser refuses is dropped: measuring must not disturb.
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
  const page = typeof location === "undefined" ? "/" : routePattern(location.pathname);
  return {
    add(metric: Metric) {
      if (!(metric.name in names)) return;
      const name = metric.name as WebVital["name"];
      vitals.push({ name, value: metric.value, page, rating: metric.rating ?? "good" });
      timer ??= setTimeout(flush, 5000);
    },
    flush,
  };
}
