import { setTimeout as delay } from "node:timers/promises";
import { insertBudget } from "../../support/executions.ts";
import { openLaboratory } from "../lab/laboratory.ts";
import { conclude, inLaboratory, type Scenario } from "../lab/scenario.ts";

/** Many agents on a budget that does for a part of them, under kills. */
export const budgets: Scenario = {
  name: "budgets",
  title: "500 (long) agents on a budget that does for some, under kill -9",
  allowed: "the limit is never passed, nothing stays reserved",
  shortRounds: 1,
  weight: 0.3,
  round: (seed, size) =>
    inLaboratory(
      () =>
        openLaboratory({
          seed,
          name: "budgets",
          process: "parallel",
          members: 5,
          plan: () => ({ pieces: 30, pieceDelayMs: 5 }),
        }),
      async (lab) => {
        const { random, task } = lab;
        const executions = size === "short" ? 10 : 100;
        await insertBudget(
          lab.db,
          task.userId,
          "squad",
          task.squadId,
          executions * random.between(6_000_000, 16_000_000),
        );
        await insertBudget(
          lab.db,
          task.userId,
          "instance",
          task.userId,
          executions * random.between(10_000_000, 20_000_000),
        );
        const workers = await Promise.all([lab.start("worker"), lab.start("worker")]);
        for (let n = 0; n < executions; n += 1) await lab.accept(random.pick([undefined, 10_000_000]));
        for (let kill = 0; kill < (size === "short" ? 3 : 8); kill += 1) {
          await delay(random.between(20, 400));
          const index = random.between(0, 1);
          const over = lab.disturb("kill -9 of a worker");
          const taken = lab.takenOver(workers[index]?.pid ?? 0);
          await workers[index]?.kill();
          workers[index] = await lab.start("worker");
          await taken;
          over();
        }
        const result = await conclude(lab, { timeoutMs: 60_000, allowed: ["completed", "budget_exceeded"] });
        const { rows } = await lab.db.query<{ stopped: number }>(
          "crash_stopped",
          "SELECT count(*)::int AS stopped FROM task_executions WHERE status = 'budget_exceeded'",
        );
        return { ...result, counts: { ...result.counts, stoppedByBudget: rows[0]?.stopped ?? 0 } };
      },
    ),
};
