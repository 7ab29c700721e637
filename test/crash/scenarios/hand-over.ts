import { setTimeout as delay } from "node:timers/promises";
import { openLaboratory } from "../lab/laboratory.ts";
import { conclude, inLaboratory, type Scenario } from "../lab/scenario.ts";

/** Workers are stopped in order (SIGTERM) while they work, and replaced. */
export const handOver: Scenario = {
  name: "hand-over",
  title: "SIGTERM of workers at work",
  allowed: "handed over and ended within 2 s (+ 0.5 s of the process's own end), nothing lost",
  shortRounds: 1,
  weight: 0.3,
  round: (seed, size) =>
    inLaboratory(
      () => openLaboratory({ seed, name: "hand-over", members: 10, plan: () => ({ pieces: 60, pieceDelayMs: 12 }) }),
      async (lab) => {
        const stops = size === "short" ? 3 : 8;
        const endedMs: number[] = [];
        let worker = await lab.start("worker");
        for (let n = 0; n < 4; n += 1) await lab.accept(lab.random.pick([undefined, 2_000_000_000]));
        for (let stop = 0; stop < stops; stop += 1) {
          await delay(lab.random.between(50, 1_200));
          const next = lab.start("worker");
          if (stop % 2 === 0) await next;
          const over = lab.disturb("SIGTERM of a worker");
          const startedMs = Date.now();
          const code = await worker.terminate();
          endedMs.push(Date.now() - startedMs);
          over();
          if (code !== 0) lab.history.violations.push(`a worker that was stopped ended with ${code}`);
          worker = await next;
        }
        const slow = endedMs.filter((time) => time > 2_500);
        if (slow.length > 0) lab.history.violations.push(`the end took ${slow.join(", ")} ms`);
        return conclude(lab, { timeoutMs: 60_000 }, { counts: { stops }, timesMs: { ended: endedMs } });
      },
    ),
};
