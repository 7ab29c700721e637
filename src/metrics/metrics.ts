import { collectDefaultMetrics, Gauge, type MetricObjectWithValues, type MetricValue, Registry } from "prom-client";
import type { ExecutionStatus, PerformanceReport, WebVitalName } from "#contracts";
import { NANO_USD } from "#contracts";
import type { CallContext } from "./call-context.ts";
import { type MetricDefinition, type MetricName, metricDefinitions } from "./definitions.ts";
import { LiveFigures, type LiveState } from "./live-figures.ts";
import { buildPerformanceReport } from "./performance-report.ts";
import { type CounterSeries, counterSeries, type HistogramSeries, histogramSeries, type SeriesOf } from "./series.ts";
import type { VitalSummary } from "./vitals.ts";

export interface MetricsOptions {
  /** What this process does; kept for logs and traces, not a label (the scraper adds its own). */
  role: string;
  /** Tells the route of a slow query. */
  context?: CallContext | undefined;
  /** A clock in milliseconds that never goes back; the process's own when absent. */
  now?: (() => number) | undefined;
}

/** Token counts of one call as the gateway has them: input includes cached, output includes reasoning tokens. */
export interface ObservedUsage {
  inputTokens: number;
  cacheReadTokens: number;
  cacheWriteTokens: number;
  outputTokens: number;
  reasoningTokens: number;
}

export interface ObservedLlmCall {
  provider: string;
  model: string;
  squadId: string | null;
  durationMs: number;
  /** Null when there was no token. */
  timeToFirstTokenMs: number | null;
  rateWaitMs: number;
  /** Null when the call failed before the provider counted. */
  usage: ObservedUsage | null;
  /** Null when the price is not known: then nothing is added to the cost. */
  costNanoUsd: number | null;
  /** What Muster itself added to the first token, when the caller measured it. */
  addedMs?: number | undefined;
}

/** One process's figures, to be added to those of the other processes of the machine. */
export interface MetricsSnapshot {
  prometheus: MetricObjectWithValues<MetricValue<string>>[];
  live: LiveState;
}

/** The measurements of a process. Every method is cheap (below 2 µs) and never throws for a value it is given. */
export interface Metrics {
  readonly role: string;
  /** Of `text()`. */
  readonly contentType: string;
  /** All metrics in Prometheus' text format. */
  text(): Promise<string>;
  /** Requests being answered: +1 at the start, -1 at the end. */
  httpInFlight(change: 1 | -1): void;
  /**
   * An answered request; `route` is the pattern. Health checks and `/metrics` are left out. `durationMs` is null where the
   * time is not the API's: then the request is only counted.
   */
  observeHttp(request: { method: string; route: string; status: number; durationMs: number | null }): void;
  /** A finished statement, by its name. */
  observeQuery(query: string, durationMs: number): void;
  observePoolWait(waitMs: number): void;
  observeSlowQuery(query: { name: string; durationMs: number; statement: string }): void;
  /** What the database module takes as its `metrics`. */
  readonly database: {
    queryFinished(query: string, durationMs: number, failed: boolean): void;
    connectionWaited(waitMs: number): void;
  };
  /** `result`: hit, miss, stale, coalesced or bypass. */
  observeCache(cache: string, result: string): void;
  observeLlmCall(call: ObservedLlmCall): void;
  /** An execution ended; `durationMs` from its first start, null when it never started. */
  observeExecution(execution: { status: ExecutionStatus; durationMs: number | null }): void;
  observeQueueWait(waitMs: number): void;
  /** Events have been handed to all readers of this process, so long after they were written. */
  observeEventDelivery(ms: number): void;
  /** Open event streams: +1, -1. */
  sseClients(change: 1 | -1): void;
  /** Times in milliseconds, CLS as its score. */
  observeWebVital(vital: { name: WebVitalName; value: number }): void;
  /** Asked at every scrape. */
  watchPool(state: () => { total: number; idle: number; waiting: number }): void;
  /** Asked at every scrape; a rejection leaves the last figure. */
  watchQueue(depth: () => Promise<number>): void;
  /**
   * Every target beside its figure of the last five minutes. `others` are the snapshots of this machine's other processes,
   * `vitals` what the users' pages measured.
   */
  performance(others?: readonly LiveState[], vitals?: readonly VitalSummary[]): PerformanceReport;
  snapshot(): Promise<MetricsSnapshot>;
}

const maxSeries = { routes: 2_000, queries: 500, models: 300, spend: 3_000, caches: 200 } as const;
const knownMethods = new Set(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]);
const cacheHits = new Set(["hit", "stale", "coalesced"]);

/** True for what operates Muster rather than uses it: never part of the request figures. */
function isOperations(route: string): boolean {
  return route === "/metrics" || route.startsWith("/health");
}

type NameOf<Type extends MetricDefinition["type"]> = {
  [Name in MetricName]: (typeof metricDefinitions)[Name]["type"] extends Type ? Name : never;
}[MetricName];

function gauge(registry: Registry, name: NameOf<"gauge">): Gauge {
  const { help, labels }: MetricDefinition = metricDefinitions[name];
  return new Gauge({ name, help, labelNames: [...labels], registers: [registry] });
}

function counter(registry: Registry, name: NameOf<"counter">, most = 1): SeriesOf<CounterSeries> {
  return counterSeries(registry, name, metricDefinitions[name], most);
}

function histogram(registry: Registry, name: NameOf<"histogram">, most = 1): SeriesOf<HistogramSeries> {
  return histogramSeries(registry, name, metricDefinitions[name], most);
}

/** Figures of the event loop's lag hold this interval too: they rest at 50 ms, as alerts and dashboards must know. */
const loopSampleMs = 50;

/** The registry of one process: exactly the metrics of `metricDefinitions` and Node's defaults. */
export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  // The histogram wakes the process at this interval, idle or not: at its default of 10 ms, two of three wake-ups of an idle Muster.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: loopSampleMs });
  const live = new LiveFigures(options.role, options.now ?? (() => performance.now()));
  const database = databaseMetrics(registry, live, options.context);
  return {
    role: options.role,
    contentType: registry.contentType,
    text: () => registry.metrics(),
    ...httpMetrics(registry, live),
    ...database,
    database: { queryFinished: database.observeQuery, connectionWaited: database.observePoolWait },
    ...llmMetrics(registry, live),
    ...executionMetrics(registry, live),
    performance: (others = [], vitals = []) => buildPerformanceReport([live.state(), ...others], vitals),
    snapshot: async () => ({ prometheus: await registry.getMetricsAsJSON(), live: live.state() }),
  };
}

function httpMetrics(registry: Registry, live: LiveFigures) {
  let inFlight = 0;
  const inFlightGauge = gauge(registry, "http_requests_in_flight") as Gauge & { collect?: () => void };
  inFlightGauge.collect = () => inFlightGauge.set(inFlight);
  const requests = counter(registry, "http_requests_total", maxSeries.routes);
  const duration = histogram(registry, "http_request_duration_seconds", maxSeries.routes);
  const clients = gauge(registry, "sse_clients");
  const cache = counter(registry, "cache_requests_total", maxSeries.caches);
  const vital = histogram(registry, "web_vital", 20);
  return {
    httpInFlight: (change: 1 | -1) => {
      inFlight += change;
    },
    observeHttp: ({ method, route, status, durationMs }: Parameters<Metrics["observeHttp"]>[0]) => {
      if (isOperations(route)) return;
      const verb = knownMethods.has(method) ? method : "OTHER";
      const code = status === 200 ? "200" : String(status);
      requests(verb, route, code).inc();
      if (durationMs === null) live.httpUntimed();
      else {
        duration(verb, route, code).observe(durationMs / 1000);
        live.record("httpDuration", durationMs);
      }
      if (status >= 500) live.httpError();
    },
    sseClients: (change: 1 | -1) => clients.inc(change),
    observeCache: (name: string, result: string) => {
      cache(name, result).inc();
      if (result !== "bypass") live.cache(name, cacheHits.has(result));
    },
    observeWebVital: ({ name, value }: Parameters<Metrics["observeWebVital"]>[0]) => {
      vital(name).observe(name === "CLS" ? value : value / 1000);
    },
  };
}

function databaseMetrics(registry: Registry, live: LiveFigures, context: CallContext | undefined) {
  const duration = histogram(registry, "db_query_duration_seconds", maxSeries.queries);
  const wait = histogram(registry, "db_pool_wait_seconds")();
  const slow = counter(registry, "db_slow_queries_total")();
  const connections = gauge(registry, "db_pool_connections");
  return {
    observeQuery: (query: string, durationMs: number) => {
      duration(query).observe(durationMs / 1000);
      live.record("dbQuery", durationMs);
    },
    observePoolWait: (waitMs: number) => {
      wait.observe(waitMs / 1000);
      live.record("poolWait", waitMs);
    },
    observeSlowQuery: ({ durationMs, statement }: Parameters<Metrics["observeSlowQuery"]>[0]) => {
      slow.inc();
      const route = context?.get().route ?? null;
      live.slowQueries.add({ at: new Date().toISOString(), query: statement, durationMs, route });
    },
    watchPool: (state: () => { total: number; idle: number; waiting: number }) => {
      (connections as Gauge & { collect?: () => void }).collect = () => {
        const { total, idle, waiting } = state();
        connections.set({ state: "active" }, total - idle);
        connections.set({ state: "idle" }, idle);
        connections.set({ state: "waiting" }, waiting);
      };
    },
  };
}

function llmMetrics(registry: Registry, live: LiveFigures) {
  const duration = histogram(registry, "llm_request_duration_seconds", maxSeries.models);
  const firstToken = histogram(registry, "llm_time_to_first_token_seconds")();
  const added = histogram(registry, "llm_first_token_added_seconds")();
  const tokens = counter(registry, "llm_tokens_total", maxSeries.spend);
  const cost = counter(registry, "llm_cost_total", maxSeries.spend);
  const rateWait = histogram(registry, "llm_rate_limit_wait_seconds")();
  const countTokens = (squadId: string, model: string, usage: ObservedUsage) => {
    const add = (kind: string, count: number): void => {
      if (count > 0) tokens(squadId, model, kind).inc(count);
    };
    add("input", usage.inputTokens - usage.cacheReadTokens - usage.cacheWriteTokens);
    add("cache_read", usage.cacheReadTokens);
    add("cache_write", usage.cacheWriteTokens);
    add("output", usage.outputTokens - usage.reasoningTokens);
    add("reasoning", usage.reasoningTokens);
  };
  return {
    observeLlmCall: (call: ObservedLlmCall) => {
      duration(call.provider, call.model).observe(call.durationMs / 1000);
      if (call.timeToFirstTokenMs !== null) {
        firstToken.observe(call.timeToFirstTokenMs / 1000);
        live.record("timeToFirstToken", call.timeToFirstTokenMs);
      }
      if (call.rateWaitMs > 0) {
        rateWait.observe(call.rateWaitMs / 1000);
        live.record("rateLimitWait", call.rateWaitMs);
      }
      if (call.addedMs !== undefined) {
        added.observe(call.addedMs / 1000);
        live.record("llmAdded", call.addedMs);
      }
      const squadId = call.squadId ?? "";
      if (call.usage !== null) countTokens(squadId, call.model, call.usage);
      if (call.costNanoUsd !== null && call.costNanoUsd > 0) {
        cost(squadId, call.model).inc(call.costNanoUsd / NANO_USD);
      }
    },
  };
}

function executionMetrics(registry: Registry, live: LiveFigures) {
  const total = counter(registry, "executions_total", maxSeries.caches);
  const duration = histogram(registry, "execution_duration_seconds")();
  const queueWait = histogram(registry, "queue_wait_seconds")();
  const delivery = histogram(registry, "event_delivery_seconds")();
  const depth = gauge(registry, "queue_depth");
  return {
    observeExecution: ({ status, durationMs }: Parameters<Metrics["observeExecution"]>[0]) => {
      total(status).inc();
      if (durationMs !== null) duration.observe(durationMs / 1000);
    },
    observeQueueWait: (waitMs: number) => {
      queueWait.observe(waitMs / 1000);
      live.record("queueWait", waitMs);
    },
    observeEventDelivery: (ms: number) => {
      delivery.observe(ms / 1000);
      live.record("eventDelivery", ms);
    },
    watchQueue: (count: () => Promise<number>) => {
      (depth as Gauge & { collect?: () => Promise<void> }).collect = async () => {
        try {
          depth.set(await count());
        } catch {
          // The database does not answer: a scrape must still show why (pool, errors), so the last depth stays.
        }
      };
    },
  };
}
