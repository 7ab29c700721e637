import { setTimeout as delay } from "node:timers/promises";
import { openLaboratory, until } from "../lab/laboratory.ts";
import { conclude, inLaboratory, type Scenario } from "../lab/scenario.ts";

/** The only process is killed while a member's call is in flight, and started again. */
export const restartOnly: Scenario = {
  name: "restart-only",
  title: "kill -9 of the only process while a member's call is in flight, then a restart",
  allowed: "goes on by itself ≤ 3 s after the start, exactly 2 calls for the one in flight",
  shortRounds: 1,
  weight: 0.5,
  round: (seed) =>
    inLaboratory(
      () =>
        openLaboratory({
          seed,
          name: "restart-only",
          process: createProcess(seed),
          plan: () => ({ pieces: 60, pieceDelayMs: 15 }),
        }),
      async (lab) => {
        const first = await lab.start("all");
        const { taskId, marker } = await lab.newTask();
        const id = await lab.client.accept(taskId, marker);
        const reader = lab.client.follow(id, AbortSignal.timeout(60_000));
        await lab.provider.streaming(marker, lab.random.between(1, 40));
        await delay(lab.random.between(0, 1_000));
        const over = lab.disturb("kill -9 of the only process");
        const inFlight = lab.history.disturbances.at(-1)?.inFlight ?? 0;
        const before = lab.provider.ledger().length;
        await first.kill();
        const startedAtMs = Date.now();
        const ready = lab.start("all");
        await until(20_000, () => lab.provider.ledger().length > before);
        const recoveredMs = Date.now() - startedAtMs;
        lab.history.recoveriesMs.push(recoveredMs);
        const readyMs = await ready.then((muster) => Date.now() - muster.startedAtMs);
        over();
        await reader;
        const result = await conclude(lab, { timeoutMs: 30_000 });
        const { rows } = await lab.db.query<{ done: number; lost: number }>(
          "crash_restart_calls",
          "SELECT count(*) FILTER (WHERE state = 'done')::int AS done, count(*) FILTER (WHERE state <> 'done')::int AS lost FROM llm_calls",
        );
        const { done = 0, lost = 0 } = rows[0] ?? {};
        const calls = lab.provider.ledger().length;
        if (calls > done + Math.max(inFlight, lost)) {
          result.violations.push(`${calls} requests for ${done} calls with ${inFlight} in flight at the kill`);
        }
        // On a machine that is slow to start any process, what counts is that work goes on with the process.
        if (recoveredMs > 3_000 && recoveredMs > readyMs + 500)
          result.violations.push(`it went on ${recoveredMs} ms after the start`);
        return { ...result, timesMs: { processReady: [readyMs] } };
      },
    ),
};

function createProcess(seed: number): "sequential" | "parallel" | "lead" {
  return (["sequential", "parallel", "lead"] as const)[seed % 3] ?? "lead";
}
