import type { Scenario } from "../lab/scenario.ts";
import { failurePoints } from "./failure-points.ts";
import { killWorkers } from "./kill-workers.ts";

/** In the order of docs/reliability.md. */
export const scenarios: readonly Scenario[] = [killWorkers, failurePoints];
