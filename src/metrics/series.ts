import type { Metric, MetricValueWithName, Registry } from "prom-client";
import { boundLabels } from "./bound-labels.ts";
import type { MetricDefinition } from "./definitions.ts";

/*
 * Counters and histograms whose series are objects that the caller holds: counting is an addition, without looking the
 * series up by its labels and checking these again each time, as prom-client's own do (0.3–0.6 µs a value, several a
 * request). prom-client's registry reads them like its own and writes the text.
 */

type Values = MetricValueWithName<string>[];

/** One combination of labels of a counter. */
export class CounterSeries {
  value = 0;
  inc(by = 1): void {
    this.value += by;
  }
}

/** One combination of labels of a histogram. */
export class HistogramSeries {
  readonly #bounds: readonly number[];
  /** By bucket; what is above the last bound is only in `count`. */
  readonly buckets: number[];
  sum = 0;
  count = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.buckets = bounds.map(() => 0);
  }

  /** Values that are no number are left out. */
  observe(value: number): void {
    if (!Number.isFinite(value)) return;
    this.sum += value;
    this.count += 1;
    const bounds = this.#bounds;
    for (let index = 0; index < bounds.length; index += 1) {
      if (value <= (bounds[index] as number)) {
        this.buckets[index] = (this.buckets[index] as number) + 1;
        return;
      }
    }
  }
}

/** Finds the series of label values, at most `maxSeries` (then one named "other"); labels in the definition's order. */
export type SeriesOf<Series> = (first?: string, second?: string, third?: string) => Series;

/** Registers a counter. Without labels its one series is there from the start. */
export function counterSeries(
  registry: Registry,
  name: string,
  definition: MetricDefinition,
  maxSeries: number,
): SeriesOf<CounterSeries> {
  return register(registry, name, definition, maxSeries, {
    make: () => new CounterSeries(),
    read: (series, labels) => [{ metricName: name, labels, value: series.value }],
  });
}

/** Registers a histogram. Without labels its one series is there from the start. */
export function histogramSeries(
  registry: Registry,
  name: string,
  definition: MetricDefinition,
  maxSeries: number,
): SeriesOf<HistogramSeries> {
  const bounds = definition.buckets ?? [];
  return register(registry, name, definition, maxSeries, {
    make: () => new HistogramSeries(bounds),
    read: (series, labels) => {
      let sum = 0;
      const buckets = bounds.map((le, index) => {
        sum += series.buckets[index] as number;
        return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: sum };
      });
      return [
        ...buckets,
        { metricName: `${name}_bucket`, labels: { le: "+Inf", ...labels }, value: series.count },
        { metricName: `${name}_sum`, labels, value: series.sum },
        { metricName: `${name}_count`, labels, value: series.count },
      ];
    },
  });
}

function register<Series>(
  registry: Registry,
  name: string,
  { type, help, labels: labelNames }: MetricDefinition,
  maxSeries: number,
  parts: { make: () => Series; read: (series: Series, labels: Record<string, string>) => Values },
): SeriesOf<Series> {
  const all: { labels: Record<string, string>; series: Series }[] = [];
  const find = boundLabels(maxSeries, labelNames.length, (values) => {
    const series = parts.make();
    all.push({ labels: Object.fromEntries(labelNames.map((label, index) => [label, values[index] ?? ""])), series });
    return series;
  });
  if (labelNames.length === 0) find();
  // Of a metric the registry asks its name and `get` only (prom-client/lib/registry.js); the type names all of the class.
  const metric = {
    name,
    help,
    type,
    aggregator: "sum",
    get: async () => ({
      name,
      help,
      type,
      aggregator: "sum",
      values: all.flatMap(({ labels, series }) => parts.read(series, labels)),
    }),
  };
  registry.registerMetric(metric as unknown as Metric);
  return find;
}
