import { openLaboratory } from "../lab/laboratory.ts";
import { conclude, inLaboratory, type Scenario } from "../lab/scenario.ts";

/** One call that lasts many times the lease, beside a second worker that would take over. */
export const longCall: Scenario = {
  name: "long-call",
  title: "one LLM call of 3 minutes (15 s in the short form) with a 10 s lease",
  allowed: "runs once",
  shortRounds: 1,
  weight: 0.1,
  round: (seed, size) =>
    inLaboratory(
      () => {
        const pieces = size === "short" ? 150 : 1_800;
        return openLaboratory({ seed, name: "long-call", members: 1, plan: () => ({ pieces, pieceDelayMs: 100 }) });
      },
      async (lab) => {
        await Promise.all([lab.start("worker"), lab.start("worker")]);
        await lab.accept();
        const result = await conclude(lab, { timeoutMs: 240_000 });
        const calls = lab.provider.ledger().length;
        if (calls !== 1) result.violations.push(`${calls} requests for one call`);
        return result;
      },
    ),
};
