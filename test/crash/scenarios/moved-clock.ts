import { setTimeout as delay } from "node:timers/promises";
import { openLaboratory } from "../lab/laboratory.ts";
import { conclude, inLaboratory, type Scenario } from "../lab/scenario.ts";

const hourMs = 3_600_000;

/** The wall clocks of API and workers are set hours and days forward and back while they work. */
export const movedClock: Scenario = {
  name: "moved-clock",
  title: "the wall clocks of API and workers jump by up to a day, forward and back, each process by itself",
  allowed: "nobody is taken over, no call is repeated, readers have every event once, in order",
  shortRounds: 1,
  weight: 0.5,
  round: (seed, size) =>
    inLaboratory(
      () => openLaboratory({ seed, name: "moved-clock", members: 6, plan: () => ({ pieces: 20, pieceDelayMs: 15 }) }),
      async (lab) => {
        const { random } = lab;
        const processes = await Promise.all([lab.start("api"), lab.start("worker"), lab.start("worker")]);
        const deadline = AbortSignal.timeout(120_000);
        const jumps = size === "short" ? 8 : 30;
        const total = size === "short" ? 8 : 24;
        const working = (async () => {
          const readers: Promise<number>[] = [];
          for (let n = 0; n < total; n += 1) {
            const { taskId, marker } = await lab.newTask();
            const id = await lab.client.accept(taskId, marker, random.pick([undefined, 1]));
            readers.push(lab.client.follow(id, deadline));
            await delay(random.between(50, 400));
          }
          return Promise.all(readers);
        })();
        for (let n = 0; n < jumps; n += 1) {
          random.pick(processes).moveClock(random.between(-24 * hourMs, 24 * hourMs));
          await delay(random.between(50, 400));
        }
        await working;
        // No disturbance is noted: a moved clock excuses nothing.
        return conclude(lab, { timeoutMs: 60_000 }, { counts: { jumps } });
      },
    ),
};
