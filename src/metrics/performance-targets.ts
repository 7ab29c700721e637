import type { PerformanceRow, WebVitalName } from "#contracts";
import type { LiveHistogram } from "./live-figures.ts";

type Source =
  | { kind: "percentile"; of: LiveHistogram; q: number }
  | { kind: "statistic"; name: "mean" | "max"; of: LiveHistogram }
  | { kind: "errors" }
  | { kind: "cache" }
  | { kind: "vital"; name: WebVitalName };

/** A target that can be watched while Muster runs; or, without a limit, a figure that belongs beside one. */
export interface LiveTarget extends Omit<PerformanceRow, "live" | "samples" | "verdict" | "history"> {
  source: Source;
}

function row(
  group: string,
  key: string,
  title: string,
  limits: { unit: string; seed: number | null; target: number | null; higherIsBetter?: boolean },
  source: Source,
): LiveTarget {
  const { unit, seed, target, higherIsBetter = false } = limits;
  return { group, key, title, unit, seed, target, higherIsBetter, source };
}

const p = (of: LiveHistogram, q: number): Source => ({ kind: "percentile", of, q });
const vital = (name: WebVitalName): Source => ({ kind: "vital", name });

/** The targets of docs/performance.md with a live figure, and what tells why one is missed; web vitals are the 75th percentile of what users measured. */
export const liveTargets: readonly LiveTarget[] = [
  row("API", "http_p95", "Answer time, p95", { unit: "ms", seed: 200, target: 50 }, p("httpDuration", 0.95)),
  row("API", "http_p99", "Answer time, p99", { unit: "ms", seed: 500, target: 100 }, p("httpDuration", 0.99)),
  row("API", "error_rate", "Answers with status 5xx", { unit: "%", seed: 0.1, target: 0 }, { kind: "errors" }),
  row(
    "API",
    "cache_ratio",
    "Cacheable reads answered from the cache",
    { unit: "%", seed: 80, target: 90, higherIsBetter: true },
    { kind: "cache" },
  ),
  row(
    "Database",
    "db_average",
    "Query, average",
    { unit: "ms", seed: 50, target: 2 },
    { kind: "statistic", name: "mean", of: "dbQuery" },
  ),
  row(
    "Database",
    "db_slowest",
    "Query, slowest",
    { unit: "ms", seed: null, target: 50 },
    { kind: "statistic", name: "max", of: "dbQuery" },
  ),
  row(
    "Database",
    "pool_wait_p99",
    "Wait for a connection, p99",
    { unit: "ms", seed: 100, target: 20 },
    p("poolWait", 0.99),
  ),
  row(
    "LLM",
    "ttft_p95",
    "First token, provider included, p95",
    { unit: "ms", seed: 2000, target: 2000 },
    p("timeToFirstToken", 0.95),
  ),
  row(
    "LLM",
    "ttft_added_p50",
    "First token, added by Muster, p50",
    { unit: "ms", seed: null, target: 2 },
    p("llmAdded", 0.5),
  ),
  row(
    "LLM",
    "ttft_added_p99",
    "First token, added by Muster, p99",
    { unit: "ms", seed: null, target: 10 },
    p("llmAdded", 0.99),
  ),
  row(
    "Executions",
    "queue_wait_p50",
    "Accepted to first step, p50",
    { unit: "ms", seed: null, target: 20 },
    p("queueWait", 0.5),
  ),
  row(
    "Executions",
    "queue_wait_p99",
    "Accepted to first step, p99",
    { unit: "ms", seed: null, target: 100 },
    p("queueWait", 0.99),
  ),
  row(
    "Executions",
    "event_delivery_p50",
    "Event written to readers, p50",
    { unit: "ms", seed: null, target: null },
    p("eventDelivery", 0.5),
  ),
  row(
    "Executions",
    "event_delivery_p99",
    "Event written to readers, p99",
    { unit: "ms", seed: null, target: 50 },
    p("eventDelivery", 0.99),
  ),
  row("UI", "fcp", "First Contentful Paint, p75", { unit: "ms", seed: 1500, target: 500 }, vital("FCP")),
  row("UI", "lcp", "Largest Contentful Paint, p75", { unit: "ms", seed: 2500, target: 1000 }, vital("LCP")),
  row("UI", "cls", "Cumulative Layout Shift, p75", { unit: "", seed: 0.1, target: 0 }, vital("CLS")),
  row("UI", "inp", "Interaction to Next Paint, p75", { unit: "ms", seed: 100, target: 100 }, vital("INP")),
];
