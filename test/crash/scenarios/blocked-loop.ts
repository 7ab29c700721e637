import { setTimeout as delay } from "node:timers/promises";
import { openLaboratory } from "../lab/laboratory.ts";
import { conclude, inLaboratory, type Scenario } from "../lab/scenario.ts";

/** A worker's event loop stands still for longer than the lease; the lease is renewed by a thread of its own. */
export const blockedLoop: Scenario = {
  name: "blocked-loop",
  title: "an event loop blocked for 1.3 (short) or 3 (long) × the lease",
  allowed: "nobody takes over, no call is repeated",
  shortRounds: 1,
  weight: 0.1,
  round: (seed, size) =>
    inLaboratory(
      () => openLaboratory({ seed, name: "blocked-loop", members: 4, plan: () => ({ pieces: 60, pieceDelayMs: 10 }) }),
      async (lab) => {
        const worker = await lab.start("worker");
        const { marker } = await lab.accept();
        await lab.provider.streaming(marker, lab.random.between(1, 60));
        await lab.start("worker");
        const forMs = size === "short" ? 13_000 : 30_000;
        worker.block(forMs);
        await delay(forMs);
        const result = await conclude(lab, { timeoutMs: 30_000 });
        const { rows } = await lab.db.query<{ epoch: number }>(
          "crash_epoch",
          "SELECT max(epoch) AS epoch FROM task_executions",
        );
        if (rows[0]?.epoch !== 1) result.violations.push(`it was claimed ${rows[0]?.epoch} times`);
        return result;
      },
    ),
};
