import { setTimeout as delay } from "node:timers/promises";
import { openLaboratory } from "../lab/laboratory.ts";
import type { ProviderFault } from "../lab/provider.ts";
import { createRandom } from "../lab/random.ts";
import { conclude, inLaboratory, type Scenario } from "../lab/scenario.ts";

/** The provider fails in every way while workers are killed. */
export const providerFaults: Scenario = {
  name: "provider-faults",
  title: "a provider that refuses, stalls, resets and ends early, under kill -9",
  allowed: "completed or failed with the provider's reason; every finished call billed to the token",
  shortRounds: 1,
  weight: 0.3,
  round: (seed, size) => {
    const random = createRandom(seed, "provider");
    const faults: (ProviderFault | undefined)[] = [
      { kind: "status", status: 500 },
      { kind: "status", status: 429, retryAfterSeconds: 1 },
      { kind: "reset", afterPieces: 3 },
      { kind: "end-early", afterPieces: 4 },
      { kind: "slow-first-byte", delayMs: 400 },
    ];
    const plan = () => {
      const fault = random.next() < 0.15 ? random.pick(faults) : undefined;
      return { pieces: 15, pieceDelayMs: 8, ...(fault ? { fault } : {}) };
    };
    return inLaboratory(
      () => openLaboratory({ seed, name: "provider-faults", members: 5, plan }),
      async (lab) => {
        let worker = await lab.start("worker");
        for (let n = 0; n < (size === "short" ? 6 : 30); n += 1)
          await lab.accept(lab.random.pick([undefined, 2_000_000_000]));
        for (let kill = 0; kill < 2; kill += 1) {
          await delay(lab.random.between(200, 1_500));
          const over = lab.disturb("kill -9 of the worker");
          await worker.kill();
          worker = await lab.start("worker");
          over();
        }
        return conclude(lab, { timeoutMs: 90_000, allowed: ["completed", "failed"], extraCallsNeedDisturbance: false });
      },
    );
  },
};
