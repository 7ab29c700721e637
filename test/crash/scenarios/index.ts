import type { Scenario } from "../lab/scenario.ts";
import { blockedLoop } from "./blocked-loop.ts";
import { budgets } from "./budgets.ts";
import { cancels } from "./cancels.ts";
import { failurePoints } from "./failure-points.ts";
import { handOver } from "./hand-over.ts";
import { killApi } from "./kill-api.ts";
import { killWorkers } from "./kill-workers.ts";
import { longCall } from "./long-call.ts";
import { movedClock } from "./moved-clock.ts";
import { poison } from "./poison.ts";
import { databaseNetwork, lostAnswers, postgresRestarts } from "./postgres-faults.ts";
import { providerFaults } from "./provider-faults.ts";
import { readers } from "./readers.ts";
import { redisFaults } from "./redis-faults.ts";
import { restartOnly } from "./restart-only.ts";
import { soak } from "./soak.ts";
import { zombies } from "./zombies.ts";

/** In the order of docs/reliability.md. */
export const scenarios: readonly Scenario[] = [
  killWorkers,
  restartOnly,
  killApi,
  failurePoints,
  zombies,
  longCall,
  blockedLoop,
  postgresRestarts,
  lostAnswers,
  databaseNetwork,
  redisFaults,
  movedClock,
  providerFaults,
  budgets,
  cancels,
  handOver,
  poison,
  readers,
  soak,
];
