import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as delay } from "node:timers/promises";
import { type Laboratory, openLaboratory } from "../lab/laboratory.ts";
import { conclude, inLaboratory, type Scenario } from "../lab/scenario.ts";

/** Executions are cancelled at random moments of their lives. */
export const cancels: Scenario = {
  name: "cancels",
  title: "cancels at random moments",
  allowed: "the provider's socket closed p99 ≤ 1 s, no call begins afterwards",
  shortRounds: 1,
  weight: 0.3,
  round: (seed, size) =>
    inLaboratory(
      () => openLaboratory({ seed, name: "cancels", members: 4, plan: () => ({ pieces: 40, pieceDelayMs: 10 }) }),
      async (lab) => {
        const total = size === "short" ? 30 : 100;
        await Promise.all([lab.start("api"), lab.start("worker")]);
        const over = lab.disturb("cancels");
        const lag = monitorEventLoopDelay({ resolution: 10 });
        lag.enable();
        const cancelled: Cancelled[] = [];
        let next = 0;
        const runOne = async () => {
          while (next < total) {
            next += 1;
            cancelled.push(await cancelOne(lab));
          }
        };
        await Promise.all(Array.from({ length: 8 }, runOne));
        const result = await conclude(lab, { timeoutMs: 30_000, allowed: ["cancelled", "completed"] });
        over();
        const closedMs: number[] = [];
        for (const line of lab.provider.ledger()) {
          const one = cancelled.find((each) => each.marker === line.marker);
          if (!one) continue;
          if (line.beganAtMs > one.answeredAtMs + 1_000) {
            result.violations.push(
              `a call began ${line.beganAtMs - one.answeredAtMs} ms after the cancel of ${line.marker}`,
            );
          }
          if (line.beganAtMs <= one.answeredAtMs && (line.endedAtMs ?? 0) > one.sentAtMs) {
            closedMs.push((line.endedAtMs ?? Date.now()) - one.sentAtMs);
          }
        }
        // On a machine that is late with everything, by as much as it was late with a timer of this process.
        lag.disable();
        const limitMs = 1_000 + 4 * (lag.percentile(99) / 1_000_000);
        const late = closedMs.filter((time) => time > limitMs).length;
        if (late > closedMs.length / 100)
          result.violations.push(`${late} of ${closedMs.length} sockets were closed after ${Math.round(limitMs)} ms`);
        return { ...result, counts: { ...result.counts, cancels: total }, timesMs: { socketClosed: closedMs } };
      },
    ),
};

interface Cancelled {
  marker: string;
  sentAtMs: number;
  answeredAtMs: number;
}

async function cancelOne(lab: Laboratory): Promise<Cancelled> {
  const { taskId, marker } = await lab.newTask();
  const id = await lab.client.accept(taskId, marker, lab.random.pick([undefined, 1]));
  await delay(lab.random.between(0, 900));
  const sentAtMs = Date.now();
  await lab.client.send("POST", `/api/v1/executions/${id}/cancel`, null, `cancel-${marker}`);
  const answeredAtMs = Date.now();
  // Once more, under another key: cancelling twice is cancelling once.
  if (lab.random.next() < 0.3)
    await lab.client.send("POST", `/api/v1/executions/${id}/cancel`, null, `again-${marker}`);
  return { marker, sentAtMs, answeredAtMs };
}
