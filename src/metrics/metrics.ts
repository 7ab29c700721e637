import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type MetricObjectWithValues,
  type MetricValue,
  Registry,
} from "prom-client";
import type { ExecutionStatus, PerformanceReport, WebVitalName } from "#contracts";
import { NANO_USD } from "#contracts";
import { boundLabels } from "./bound-labels.ts";
import type { CallContext } from "./call-context.ts";
import { type MetricDefinition, type MetricName, metricDefinitions } from "./definitions.ts";
import { LiveFigures, type LiveState } from "./live-figures.ts";
import { buildPerformanceReport } from "./performance-report.ts";

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
  /** An answered request; `route` is the pattern. Health checks and `/metrics` are left out, streams are the caller's to leave out. */
  observeHttp(request: { method: string; route: string; status: number; durationMs: number }): void;
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
  /** Open event streams: +1, -1. */
  sseClients(change: 1 | -1): void;
  /** Times in milliseconds, CLS as its score; `page` is the route's pattern. */
  observeWebVital(vital: { name: WebVitalName; value: number; page: string }): void;
  /** Asked at every scrape. */
  watchPool(state: () => { total: number; idle: number; waiting: number }): void;
  /** Asked at every scrape; a rejection leaves the last figure. */
  watchQueue(depth: () => Promise<number>): void;
  /** Every target beside its figure of the last five minutes. `others` are the snapshots of this machine's other processes. */
  performance(others?: readonly LiveState[]): PerformanceReport;
  snapshot(): Promise<MetricsSnapshot>;
}

const maxSeries = { routes: 2_000, queries: 500, models: 300, spend: 3_000, caches: 200 } as const;
const knownMethods = new Set(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]);
const cacheHits = new Set(["hit", "stale", "coalesced"]);

/** True for what operates Muster rather than uses it: never part of the request figures. */
function isOperations(route: string): boolean {
  return route === "/metrics" || route.startsWith("/health");
}

type Built<Name extends MetricName> = (typeof metricDefinitions)[Name]["type"] extends "histogram"
  ? Histogram
  : (typeof metricDefinitions)[Name]["type"] extends "gauge"
    ? Gauge
    : Counter;

function build<Name extends MetricName>(registry: Registry, name: Name): Built<Name> {
  const definition: MetricDefinition = metricDefinitions[name];
  const config = { name, help: definition.help, labelNames: [...definition.labels], registers: [registry] };
  if (definition.type === "counter") return new Counter(config) as Built<Name>;
  if (definition.type === "gauge") return new Gauge(config) as Built<Name>;
  return new Histogram({ ...config, buckets: [...(definition.buckets ?? [])] }) as Built<Name>;
}

/** The registry of one process: exactly the metrics of `metricDefinitions` and Node's defaults. */
export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const live = new LiveFigures(options.now ?? (() => performance.now()));
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
    performance: (others = []) => buildPerformanceReport([live.state(), ...others]),
    snapshot: async () => ({ prometheus: await registry.getMetricsAsJSON(), live: live.state() }),
  };
}

function httpMetrics(registry: Registry, live: LiveFigures) {
  const inFlight = build(registry, "http_requests_in_flight");
  const duration = build(registry, "http_request_duration_seconds");
  const child = boundLabels(maxSeries.routes, 3, (labels) => duration.labels(...labels));
  const clients = build(registry, "sse_clients");
  const cache = build(registry, "cache_requests_total");
  const cacheChild = boundLabels(maxSeries.caches, 2, (labels) => cache.labels(...labels));
  const vital = build(registry, "web_vital");
  const vitalChild = boundLabels(20, 1, (labels) => vital.labels(...labels));
  return {
    httpInFlight: (change: 1 | -1) => inFlight.inc(change),
    observeHttp: ({ method, route, status, durationMs }: Parameters<Metrics["observeHttp"]>[0]) => {
      if (isOperations(route)) return;
      const verb = knownMethods.has(method) ? method : "OTHER";
      child(verb, route, String(status)).observe(durationMs / 1000);
      live.record("httpDuration", durationMs);
      if (status >= 500) live.httpError();
    },
    sseClients: (change: 1 | -1) => clients.inc(change),
    observeCache: (name: string, result: string) => {
      cacheChild(name, result).inc();
      if (result !== "bypass") live.cache(name, cacheHits.has(result));
    },
    observeWebVital: ({ name, value, page }: Parameters<Metrics["observeWebVital"]>[0]) => {
      vitalChild(name).observe(name === "CLS" ? value : value / 1000);
      live.vitals.add(page, name, value);
    },
  };
}

function databaseMetrics(registry: Registry, live: LiveFigures, context: CallContext | undefined) {
  const duration = build(registry, "db_query_duration_seconds");
  const child = boundLabels(maxSeries.queries, 1, (labels) => duration.labels(...labels));
  const wait = build(registry, "db_pool_wait_seconds");
  const slow = build(registry, "db_slow_queries_total");
  const connections = build(registry, "db_pool_connections");
  return {
    observeQuery: (query: string, durationMs: number) => {
      child(query).observe(durationMs / 1000);
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
  const duration = build(registry, "llm_request_duration_seconds");
  const durationChild = boundLabels(maxSeries.models, 2, (labels) => duration.labels(...labels));
  const firstToken = build(registry, "llm_time_to_first_token_seconds");
  const tokens = build(registry, "llm_tokens_total");
  const tokenChild = boundLabels(maxSeries.spend, 3, (labels) => tokens.labels(...labels));
  const cost = build(registry, "llm_cost_total");
  const costChild = boundLabels(maxSeries.spend, 2, (labels) => cost.labels(...labels));
  const rateWait = build(registry, "llm_rate_limit_wait_seconds");
  const countTokens = (squadId: string, model: string, usage: ObservedUsage) => {
    const kinds = {
      input: usage.inputTokens - usage.cacheReadTokens - usage.cacheWriteTokens,
      cache_read: usage.cacheReadTokens,
      cache_write: usage.cacheWriteTokens,
      output: usage.outputTokens - usage.reasoningTokens,
      reasoning: usage.reasoningTokens,
    };
    for (const [kind, count] of Object.entries(kinds)) if (count > 0) tokenChild(squadId, model, kind).inc(count);
  };
  return {
    observeLlmCall: (call: ObservedLlmCall) => {
      durationChild(call.provider, call.model).observe(call.durationMs / 1000);
      if (call.timeToFirstTokenMs !== null) {
        firstToken.observe(call.timeToFirstTokenMs / 1000);
        live.record("timeToFirstToken", call.timeToFirstTokenMs);
      }
      if (call.rateWaitMs > 0) {
        rateWait.observe(call.rateWaitMs / 1000);
        live.record("rateLimitWait", call.rateWaitMs);
      }
      if (call.addedMs !== undefined) live.record("llmAdded", call.addedMs);
      const squadId = call.squadId ?? "";
      if (call.usage !== null) countTokens(squadId, call.model, call.usage);
      if (call.costNanoUsd !== null && call.costNanoUsd > 0) {
        costChild(squadId, call.model).inc(call.costNanoUsd / NANO_USD);
      }
    },
  };
}

function executionMetrics(registry: Registry, live: LiveFigures) {
  const total = build(registry, "executions_total");
  const duration = build(registry, "execution_duration_seconds");
  const queueWait = build(registry, "queue_wait_seconds");
  const depth = build(registry, "queue_depth");
  return {
    observeExecution: ({ status, durationMs }: Parameters<Metrics["observeExecution"]>[0]) => {
      total.inc({ status });
      if (durationMs !== null) duration.observe(durationMs / 1000);
    },
    observeQueueWait: (waitMs: number) => {
      queueWait.observe(waitMs / 1000);
      live.record("queueWait", waitMs);
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
