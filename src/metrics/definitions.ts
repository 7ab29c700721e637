/** One metric of the contract. Bucket bounds are seconds unless the help text says otherwise. */
export interface MetricDefinition {
  type: "counter" | "gauge" | "histogram";
  help: string;
  labels: readonly string[];
  buckets?: readonly number[];
}

/** Half a millisecond to ten seconds: an answer of the API. */
const requestBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10] as const;
/** A tenth of a millisecond to ten seconds: a statement by key up to a report. */
const queryBuckets = [0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 10] as const;
/** A millisecond to a minute: waiting for something that should be free. */
const waitBuckets = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60] as const;
/** A tenth of a millisecond to half a second: what the gateway does by itself. */
const addedBuckets = [0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5] as const;
/** 5 ms (local and offline models) to ten minutes (long reasoning). */
const modelBuckets = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 40, 60, 120, 300, 600] as const;
/** 50 ms (offline model) to two hours. */
const executionBuckets = [0.05, 0.25, 1, 5, 15, 30, 60, 120, 300, 600, 1200, 3600, 7200] as const;
/** Seconds for LCP, INP, FCP and TTFB, a plain score for CLS: the bounds are those that rate them. */
const vitalBuckets = [0.01, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 0.8, 1, 1.5, 1.8, 2.5, 3, 4, 10] as const;

/** Every metric of Muster's own, by its Prometheus name. Names and labels are the contract's (design: contract.md). */
export const metricDefinitions = {
  http_requests_total: {
    type: "counter",
    help: "Answered requests by route pattern, refused ones too (route other where it was not looked up); health and metrics are not counted",
    labels: ["method", "route", "status"],
  },
  http_request_duration_seconds: {
    type: "histogram",
    help: "Time from a request's arrival to its answer, by route pattern, of those that were let in; streams, files, calls that wait for a provider, health and metrics are not timed",
    labels: ["method", "route", "status"],
    buckets: requestBuckets,
  },
  http_requests_in_flight: { type: "gauge", help: "Requests being answered now", labels: [] },
  db_query_duration_seconds: {
    type: "histogram",
    help: "Time of a statement at the database (begin, commit and rollback too), without the wait for a connection, by statement name",
    labels: ["query"],
    buckets: queryBuckets,
  },
  db_pool_wait_seconds: {
    type: "histogram",
    help: "Time a caller waited for a connection of the pool",
    labels: [],
    buckets: waitBuckets,
  },
  db_pool_connections: {
    type: "gauge",
    help: "Connections of the pools (the replica's too) by state (active, idle) and callers that wait (waiting)",
    labels: ["state"],
  },
  db_slow_queries_total: { type: "counter", help: "Statements slower than SLOW_QUERY_MS", labels: [] },
  cache_requests_total: {
    type: "counter",
    help: "Look-ups by cache and result (hit, miss, stale, coalesced, bypass)",
    labels: ["cache", "result"],
  },
  llm_request_duration_seconds: {
    type: "histogram",
    help: "Time of an LLM call from the gateway's entry to its last token, waiting for limits included",
    labels: ["provider", "model"],
    buckets: modelBuckets,
  },
  llm_time_to_first_token_seconds: {
    type: "histogram",
    help: "Time from the gateway's entry to the first token",
    labels: [],
    buckets: modelBuckets,
  },
  llm_first_token_added_seconds: {
    type: "histogram",
    help: "Time that Muster itself adds to a call's first token: the provider's time and waits for its limits left out",
    labels: [],
    buckets: addedBuckets,
  },
  llm_tokens_total: {
    type: "counter",
    help: "Tokens by kind (input, cache_read, cache_write, output, reasoning); the kinds do not overlap",
    labels: ["squad_id", "model", "kind"],
  },
  llm_cost_total: { type: "counter", help: "Cost of LLM calls in US dollars", labels: ["squad_id", "model"] },
  llm_rate_limit_wait_seconds: {
    type: "histogram",
    help: "Time an LLM call waited for its provider's rate limit, of those that waited",
    labels: [],
    buckets: modelBuckets,
  },
  executions_total: { type: "counter", help: "Executions that ended, by status", labels: ["status"] },
  execution_duration_seconds: {
    type: "histogram",
    help: "Time from an execution's first start to its end",
    labels: [],
    buckets: executionBuckets,
  },
  queue_depth: { type: "gauge", help: "Executions that wait for a worker, in the whole installation", labels: [] },
  queue_wait_seconds: {
    type: "histogram",
    help: "Time from an execution's acceptance to its first step",
    labels: [],
    buckets: waitBuckets,
  },
  event_delivery_seconds: {
    type: "histogram",
    help: "Time from an execution event's commit (the database's clock) until this process has handed it to all its readers (this host's clock: a skew between the two adds or hides as much); once for a batch, replays left out",
    labels: [],
    buckets: waitBuckets,
  },
  sse_clients: { type: "gauge", help: "Open event streams of this process", labels: [] },
  web_vital: {
    type: "histogram",
    help: "Core Web Vitals of the UI's users: LCP, INP, FCP and TTFB in seconds, CLS as its score",
    labels: ["name"],
    buckets: vitalBuckets,
  },
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof metricDefinitions;
