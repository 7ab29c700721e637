import { openLaboratory, until } from "../lab/laboratory.ts";
import { conclude, inLaboratory, type Scenario } from "../lab/scenario.ts";

/** An execution that kills every worker that takes it, among others that are innocent. */
export const poison: Scenario = {
  name: "poison",
  title: "an execution that kills its worker each time, among others",
  allowed: "failed after three tries, all others completed",
  shortRounds: 1,
  weight: 0.2,
  round: (seed, size) =>
    inLaboratory(
      () => openLaboratory({ seed, name: "poison", members: 2, plan: () => ({ pieces: 20, pieceDelayMs: 10 }) }),
      async (lab) => {
        const { random } = lab;
        const others = size === "short" ? 4 : 20;
        const poisoned = random.between(0, others);
        let poisonId = "";
        for (let n = 0; n <= others; n += 1) {
          const { executionId } = await lab.accept();
          if (n === poisoned) poisonId = executionId;
        }
        const over = lab.disturb("poison");
        const isOver = async () => {
          const { rows } = await lab.db.query<{ open: number }>(
            "crash_poison",
            "SELECT count(*)::int AS open FROM task_executions WHERE status IN ('queued', 'running')",
          );
          return rows[0]?.open === 0;
        };
        let deaths = 0;
        await until(90_000, async () => {
          if (await isOver()) return true;
          const worker = await lab.start("worker", { CRASH_LAB_POISON: poisonId }).catch(() => null); // It died at once.
          for (const one of lab.processes) one.expectedEnd = true;
          if (worker) await until(30_000, async () => !worker.alive() || (await isOver()));
          if (!worker?.alive()) deaths += 1;
          return isOver();
        });
        over();
        lab.history.violations.splice(0);
        const result = await conclude(lab, { timeoutMs: 30_000, allowed: ["completed", "failed"] });
        const { rows } = await lab.db.query<{ id: string; end_reason: string }>(
          "crash_poison_failed",
          "SELECT id, end_reason FROM task_executions WHERE status <> 'completed'",
        );
        if (rows.length !== 1 || rows[0]?.id !== poisonId || rows[0].end_reason !== "no_progress") {
          result.violations.push(`given up were ${JSON.stringify(rows)}; the poison was ${poisonId}`);
        }
        if (deaths !== 3) result.violations.push(`${deaths} workers died of it`);
        return { ...result, counts: { ...result.counts, deaths } };
      },
    ),
};
