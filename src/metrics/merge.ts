import { AggregatorRegistry } from "prom-client";
import type { MetricsSnapshot } from "./metrics.ts";

/**
 * One text for all processes of a machine (counters and histograms are summed, gauges too except averages), so that a
 * scrape does not depend on which process answers it.
 */
export function mergeSnapshots(snapshots: readonly MetricsSnapshot[]): Promise<string> {
  return AggregatorRegistry.aggregate(snapshots.map((snapshot) => snapshot.prometheus)).metrics();
}
