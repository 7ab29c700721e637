import { setTimeout as delay } from "node:timers/promises";
import { openLaboratory } from "../lab/laboratory.ts";
import { conclude, inLaboratory, type Scenario } from "../lab/scenario.ts";

/** Four workers on 20-step executions; one after the other is killed at a random moment and replaced. */
export const killWorkers: Scenario = {
  name: "kill-workers",
  title: "kill -9 of workers at random points (20-step executions; a round is one kill in the long form)",
  allowed: "0 lost, 0 doubled steps, 0 stuck; extra provider calls ≤ calls in flight at kills, each booked `lost`",
  shortRounds: 1,
  weight: 1,
  round: (seed, size) =>
    inLaboratory(
      () =>
        openLaboratory({
          seed,
          name: "kill-workers",
          members: 20,
          plan: () => ({ pieces: 10, pieceDelayMs: 6 }),
        }),
      async (lab) => {
        const { random } = lab;
        const workers = await Promise.all(Array.from({ length: size === "short" ? 2 : 4 }, () => lab.start("worker")));
        const kills = size === "short" ? 6 : 12;
        const executions = size === "short" ? 6 : 10;
        for (let n = 0; n < executions; n += 1) await lab.accept(random.pick([undefined, 2_000_000_000]));
        let inFlight = 0;
        for (let kill = 0; kill < kills; kill += 1) {
          await delay(random.between(20, size === "short" ? 500 : 700));
          const index = random.between(0, workers.length - 1);
          const victim = workers[index];
          if (!victim) throw new Error("There is no such worker.");
          const over = lab.disturb("kill -9 of a worker");
          inFlight += lab.history.disturbances.at(-1)?.inFlight ?? 0;
          const taken = lab.takenOver(victim.pid);
          await victim.kill();
          over();
          const next = lab.start("worker");
          await taken;
          workers[index] = await next;
        }
        const { rows } = await lab.db.query<{ lost: number }>(
          "crash_lost",
          "SELECT count(*)::int AS lost FROM llm_calls WHERE state = 'lost'",
        );
        return conclude(
          lab,
          { timeoutMs: 60_000 },
          { counts: { kills, inFlightAtKills: inFlight, lostCalls: rows[0]?.lost ?? 0 } },
        );
      },
    ),
};
