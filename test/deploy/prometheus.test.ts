import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { parse } from "yaml";
import { createMetrics, liveTargets, type MetricDefinition, metricDefinitions } from "#metrics";
import { readPromQuery, type Selector } from "./promql.ts";

interface Rule {
  record?: string;
  alert?: string;
  expr: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

const folder = new URL("../../deploy/", import.meta.url);
const { groups } = parse(readFileSync(new URL("prometheus/rules.yaml", folder), "utf8")) as {
  groups: { name: string; rules: Rule[] }[];
};
const rules = groups.flatMap((group) => group.rules);
const dashboards = readdirSync(new URL("grafana/dashboards/", folder)).map((name) => ({
  name,
  board: JSON.parse(readFileSync(new URL(`grafana/dashboards/${name}`, folder), "utf8")) as {
    uid: string;
    panels: {
      id: number;
      gridPos: { x: number; y: number; w: number; h: number };
      fieldConfig: { defaults: { thresholds?: { steps: { value: number | null }[] } } };
      targets: { expr: string; legendFormat: string }[];
    }[];
  },
}));

/** Labels that the scrape adds. */
const scrapeLabels = ["job", "instance", "role"];
/** Labels of Node's default metrics that are used. */
const nodeLabels = ["kind"];

/** Every name a query may use, with its labels: the registry's series, Node's, `up` and the recording rules. */
async function knownSeries(): Promise<Map<string, { type: string; labels: string[] }>> {
  const series = new Map<string, { type: string; labels: string[] }>([["up", { type: "gauge", labels: [] }]]);
  for (const [name, definition] of Object.entries<MetricDefinition>(metricDefinitions)) {
    const labels = [...definition.labels];
    if (definition.type !== "histogram") series.set(name, { type: definition.type, labels });
    else {
      series.set(`${name}_bucket`, { type: "counter", labels: [...labels, "le"] });
      for (const part of ["sum", "count"]) series.set(`${name}_${part}`, { type: "counter", labels });
    }
  }
  const text = await createMetrics({ role: "all" }).text();
  for (const [, name = "", type = ""] of text.matchAll(/^# TYPE ((?:nodejs|process)_\S+) (\S+)/gm)) {
    if (type === "histogram") {
      for (const part of ["bucket", "sum", "count"]) {
        series.set(`${name}_${part}`, { type: "counter", labels: [...nodeLabels, "le"] });
      }
    } else series.set(name, { type, labels: nodeLabels });
  }
  for (const rule of rules) {
    if (rule.record === undefined) continue;
    series.set(rule.record, { type: "gauge", labels: readPromQuery(rule.expr).grouping.filter((l) => l !== "le") });
  }
  return series;
}

/** Where Prometheus sees each target of the live page; the limit where it is not the target itself. */
const seriesOf: Record<string, [series: string, limit?: number]> = {
  http_p95: ["muster:http_p95_seconds"],
  http_p99: ["muster:http_p99_seconds"],
  error_rate: ["muster:http_error_ratio"],
  cache_ratio: ["muster:cache_hit_ratio"],
  db_average: ["muster:db_query_average_seconds"],
  // Counted instead of measured: buckets do not tell the slowest one. The sums are rounded, so half a query is the limit.
  db_slowest: ["muster:db_queries_over_50ms", 0.5],
  pool_wait_p99: ["muster:db_pool_wait_p99_seconds"],
  ttft_p95: ["muster:llm_first_token_p95_seconds"],
  ttft_added_p50: ["muster:llm_first_token_added_p50_seconds"],
  ttft_added_p99: ["muster:llm_first_token_added_p99_seconds"],
  queue_wait_p50: ["muster:queue_wait_p50_seconds"],
  queue_wait_p99: ["muster:queue_wait_p99_seconds"],
  event_delivery_p50: ["muster:event_delivery_p50_seconds"],
  event_delivery_p99: ["muster:event_delivery_p99_seconds"],
  fcp: ['muster:web_vital_p75{name="FCP"}'],
  lcp: ['muster:web_vital_p75{name="LCP"}'],
  inp: ['muster:web_vital_p75{name="INP"}'],
  // A score of 0 is counted in the bucket up to 0.01, where a percentile is any number of it.
  cls: ['muster:web_vital_p75{name="CLS"}', 0.01],
};

const rangeFunctions = ["rate", "irate", "increase", "deriv", "min_over_time", "max_over_time"];

function checkSelector(selector: Selector, known: Map<string, { type: string; labels: string[] }>, query: string) {
  const series = known.get(selector.metric);
  assert.ok(series, `${selector.metric} does not exist (${query})`);
  for (const label of selector.labels) {
    assert.ok([...series.labels, ...scrapeLabels].includes(label), `${selector.metric} has no label ${label}`);
  }
  if (series.type === "counter") {
    assert.ok(
      ["rate", "irate", "increase"].includes(selector.within ?? ""),
      `${selector.metric} is a counter: ${query}`,
    );
  }
  assert.equal(selector.range, rangeFunctions.includes(selector.within ?? ""), `range of ${selector.metric}: ${query}`);
  assert.ok(
    series.type !== "gauge" || !["rate", "increase"].includes(selector.within ?? ""),
    `rate of a gauge: ${query}`,
  );
}

function checkQuery(query: string, known: Map<string, { type: string; labels: string[] }>) {
  const { selectors, grouping } = readPromQuery(query);
  for (const selector of selectors) checkSelector(selector, known, query);
  const labels = selectors.flatMap(({ metric }) => known.get(metric)?.labels ?? []);
  for (const label of grouping) assert.ok([...labels, ...scrapeLabels].includes(label), `by (${label}) in ${query}`);
  if (query.includes("histogram_quantile")) {
    assert.ok(grouping.includes("le"), `a quantile needs le: ${query}`);
    assert.ok(
      selectors.some(({ metric }) => metric.endsWith("_bucket")),
      query,
    );
  }
}

describe("Prometheus rules", () => {
  test("every expression reads, and names only metrics and labels that exist", async () => {
    const known = await knownSeries();
    for (const rule of rules) checkQuery(rule.expr, known);
  });

  test("every alert says how bad it is, what is wrong and what to do", () => {
    const names = rules.map((rule) => rule.alert ?? rule.record);
    assert.equal(new Set(names).size, names.length);
    for (const rule of rules.filter((each) => each.alert !== undefined)) {
      assert.match(rule.labels?.severity ?? "", /^(info|warning|critical)$/, rule.alert);
      assert.ok(rule.annotations?.summary && rule.annotations.fix, rule.alert);
    }
  });

  test("each target that can be watched has an alert and a panel with its limit", () => {
    const alerts = rules.filter((rule) => rule.alert !== undefined).map((rule) => rule.expr);
    const panels = dashboards.flatMap(({ board }) => board.panels);
    assert.deepEqual(Object.keys(seriesOf).sort(), liveTargets.map(({ key }) => key).sort());
    const inPrometheus = (unit: string, value: number) =>
      unit === "ms" ? value / 1000 : unit === "%" ? value / 100 : value;
    for (const { key, unit, seed, target } of liveTargets) {
      const [series, limit = target === null ? null : inPrometheus(unit, target)] = seriesOf[key] ?? [""];
      const panelsOf = panels.filter(({ targets }) => targets.some(({ expr }) => expr === series));
      assert.notEqual(panelsOf.length, 0, `no panel for ${key}`);
      // Shown for what it tells of a figure beside it: nothing is promised, so nothing can be missed.
      if (limit === null) continue;
      const alerted = (value: number) => {
        const pattern = new RegExp(`${RegExp.escape(series)} [<>] ${RegExp.escape(String(value))}(?![0-9.])`);
        return alerts.some((expr) => pattern.test(expr));
      };
      assert.ok(alerted(limit), `no alert for ${key} at ${limit}`);
      // Few hits of the cache are no harm by themselves: one alert, at the target.
      if (seed !== null && key !== "cache_ratio") {
        assert.ok(alerted(inPrometheus(unit, seed)), `no alert for ${key} at the seed's ${seed}`);
      }
      const shown = panelsOf.some(({ fieldConfig }) =>
        // Nothing lies below a share of 0: the panel's step is the smallest share that can be seen.
        fieldConfig.defaults.thresholds?.steps.some(({ value }) => value === (limit === 0 ? 1e-9 : limit)),
      );
      assert.ok(shown, `no panel for ${key} with the limit ${limit}`);
    }
  });
});

describe("Grafana dashboards", () => {
  test("every panel's queries name only what exists, and panels stay on the grid", async () => {
    const known = await knownSeries();
    assert.equal(dashboards.length, 3);
    assert.equal(new Set(dashboards.map(({ board }) => board.uid)).size, dashboards.length);
    for (const { name, board } of dashboards) {
      assert.equal(new Set(board.panels.map(({ id }) => id)).size, board.panels.length, name);
      for (const { gridPos, targets } of board.panels) {
        assert.ok(gridPos.x + gridPos.w <= 24 && targets.length > 0);
        const over = board.panels.filter(
          ({ gridPos: other }) =>
            other.x < gridPos.x + gridPos.w &&
            gridPos.x < other.x + other.w &&
            other.y < gridPos.y + gridPos.h &&
            gridPos.y < other.y + other.h,
        );
        assert.equal(over.length, 1, `${name}: panels lie over each other`);
        for (const { expr } of targets) checkQuery(expr, known);
      }
    }
  });

  test("every metric of the contract is on a dashboard", () => {
    const shown = JSON.stringify(dashboards) + rules.map((rule) => rule.expr).join();
    for (const name of Object.keys(metricDefinitions)) assert.ok(shown.includes(name), `${name} is shown nowhere`);
  });
});

test("the reader of PromQL finds mistakes", async () => {
  const known = await knownSeries();
  assert.throws(() => readPromQuery("sum(rate(x_total[5m])"), /not closed/);
  assert.throws(() => readPromQuery("frobnicate(up)"), /no function/);
  assert.throws(() => checkQuery("sum(http_typo)", known), /does not exist/);
  assert.throws(() => checkQuery("sum(executions_total)", known), /counter/);
  assert.throws(() => checkQuery('rate(executions_total{colour="red"}[5m])', known), /no label/);
  assert.throws(
    () => checkQuery("histogram_quantile(0.9, sum by (route) (rate(http_request_duration_seconds_bucket[5m])))", known),
    /le/,
  );
});
