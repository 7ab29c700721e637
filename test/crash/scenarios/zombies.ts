import { setTimeout as delay } from "node:timers/promises";
import { openLaboratory } from "../lab/laboratory.ts";
import { conclude, inLaboratory, type Scenario } from "../lab/scenario.ts";

/** Workers are stopped for longer than their lease, others take over, then they wake and would go on. */
export const zombies: Scenario = {
  name: "zombies",
  title: "SIGSTOP for 1.2 (short) or 2–5 (long) × the lease, then SIGCONT",
  allowed: "0 stale writes",
  shortRounds: 1,
  weight: 0.3,
  round: (seed, size) =>
    inLaboratory(
      () =>
        openLaboratory({
          seed,
          name: "zombies",
          members: size === "short" ? 12 : 40,
          plan: () => ({ pieces: 40, pieceDelayMs: 20 }),
        }),
      async (lab) => {
        const { random } = lab;
        const count = size === "short" ? 2 : 3;
        const workers = await Promise.all(Array.from({ length: count + 1 }, () => lab.start("worker")));
        for (let n = 0; n < count * 3; n += 1) await lab.accept();
        // The last one stays awake and takes over.
        await Promise.all(
          workers.slice(0, count).map(async (worker, index) => {
            await delay(500 + index * 200 + random.between(0, 1_500));
            const over = lab.disturb("SIGSTOP of a worker");
            const taken = lab.takenOver(worker.pid, 30_000);
            worker.freeze();
            await taken;
            await delay(size === "short" ? 1_000 : random.between(8_000, 38_000));
            worker.thaw();
            over();
          }),
        );
        // They must be of use again: the one that stayed awake goes.
        const over = lab.disturb("kill -9 of the worker that stayed awake");
        const last = workers.at(-1);
        const taken = last ? lab.takenOver(last.pid) : Promise.resolve(0);
        await last?.kill();
        await taken;
        over();
        return conclude(lab, { timeoutMs: 120_000 }, { counts: { zombies: count } });
      },
    ),
};
