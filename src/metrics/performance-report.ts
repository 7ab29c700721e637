import type { PerformanceReport, PerformanceRow } from "#contracts";
import type { LiveHistogram, LiveState } from "./live-figures.ts";
import { type LiveTarget, liveTargets } from "./performance-targets.ts";
import { rateVital, type VitalSummary } from "./vitals.ts";
import { addSums, maximum, mean, percentile, slotCount, slotMs, type WindowSlot, type WindowSum } from "./window.ts";

const shownSlowQueries = 50;
/** The caches of answers of the API; those of LLM calls are shown, never promised. */
// The second level is asked only after the first one missed: an answer of it counts as a hit of the first.
const isApiCache = (cache: string) => !cache.startsWith("llm") && !cache.endsWith("_redis");

interface Figure {
  value: number | null;
  samples: number;
}

function sumAt(slots: readonly WindowSlot[], age: number | null): WindowSum {
  return addSums(slots.filter((slot) => age === null || slot.age === age).map((slot) => slot.sum));
}

/** A share in percent of two counts. */
function ratio(part: number, whole: number): Figure {
  return { value: whole === 0 ? null : (100 * part) / whole, samples: whole };
}

interface Observed {
  states: readonly LiveState[];
  vitals: readonly VitalSummary[];
}

/** The figure of one target over the whole window (`age` null) or in one slot of it. */
function figureOf({ source }: LiveTarget, { states, vitals }: Observed, age: number | null): Figure {
  const histogram = (name: LiveHistogram) =>
    sumAt(
      states.flatMap((state) => state.histograms[name]),
      age,
    );
  if (source.kind === "percentile") {
    const sum = histogram(source.of);
    return { value: percentile(sum, source.q), samples: sum.count };
  }
  if (source.kind === "statistic") {
    const sum = histogram(source.of);
    return { value: source.name === "mean" ? mean(sum) : maximum(sum), samples: sum.count };
  }
  if (source.kind === "errors") {
    const errors = sumAt(
      states.flatMap((state) => state.httpErrors),
      age,
    );
    const untimed = sumAt(
      states.flatMap((state) => state.httpUntimed),
      age,
    );
    return ratio(errors.count, histogram("httpDuration").count + untimed.count);
  }
  if (source.kind === "cache") {
    const caches = states.flatMap((state) => state.caches).filter(({ cache }) => isApiCache(cache));
    const hits = sumAt(
      caches.flatMap((cache) => cache.hits),
      age,
    ).count;
    const misses = sumAt(
      caches.flatMap((cache) => cache.misses),
      age,
    ).count;
    return ratio(hits, hits + misses);
  }
  // Web vitals come too rarely for slots: they have no history.
  const all = age === null ? vitals.find(({ page, name }) => page === null && name === source.name) : undefined;
  return { value: all?.p75 ?? null, samples: all?.samples ?? 0 };
}

function rowOf(target: LiveTarget, observed: Observed, now: number): PerformanceRow {
  const { value, samples } = figureOf(target, observed, null);
  const history = Array.from({ length: slotCount }, (_, index) => slotCount - 1 - index).flatMap((age) => {
    const figure = figureOf(target, observed, age);
    return figure.value === null ? [] : [{ at: new Date(now - age * slotMs).toISOString(), value: figure.value }];
  });
  const { source: _source, ...shown } = target;
  return { ...shown, live: value, samples, verdict: verdictOf(target, value), history };
}

function verdictOf({ target, higherIsBetter }: LiveTarget, value: number | null): PerformanceRow["verdict"] {
  if (value === null || target === null) return "unknown";
  return (higherIsBetter ? value >= target : value <= target) ? "met" : "missed";
}

function cachesOf(states: readonly LiveState[]): PerformanceReport["caches"] {
  const all = states.flatMap((state) => state.caches);
  return [...new Set(all.map(({ cache }) => cache))].sort().map((cache) => {
    const same = all.filter((each) => each.cache === cache);
    const hits = addSums(same.flatMap((each) => each.hits.map((slot) => slot.sum))).count;
    const misses = addSums(same.flatMap((each) => each.misses.map((slot) => slot.sum))).count;
    return { cache, hits, misses, ratio: hits + misses === 0 ? null : hits / (hits + misses) };
  });
}

function vitalsOf(vitals: readonly VitalSummary[]): PerformanceReport["webVitals"] {
  return vitals.flatMap(({ page, name, p75, samples }) =>
    page === null ? [] : [{ page, name, p75, samples, rating: rateVital(name, p75) }],
  );
}

/** The report of `GET /performance`, of one process or of all processes of a machine together. */
export function buildPerformanceReport(
  states: readonly LiveState[],
  vitals: readonly VitalSummary[],
  now: number = Date.now(),
): PerformanceReport {
  const rateWaits = addSums(states.flatMap((state) => state.histograms.rateLimitWait).map((slot) => slot.sum));
  return {
    at: new Date(now).toISOString(),
    uptimeSeconds: Math.max(0, ...states.map((state) => state.uptimeSeconds)),
    roles: [...new Set(states.map((state) => state.role))].sort(),
    processes: states.length,
    targets: liveTargets.map((target) => rowOf(target, { states, vitals }, now)),
    slowQueries: states
      .flatMap((state) => state.slowQueries)
      .sort((a, b) => (a.at < b.at ? 1 : -1))
      .slice(0, shownSlowQueries),
    caches: cachesOf(states),
    rateLimitWaits: { count: rateWaits.count, p95Ms: percentile(rateWaits, 0.95) },
    webVitals: vitalsOf(vitals),
  };
}
