import { setTimeout as delay } from "node:timers/promises";
import { openLaboratory } from "../lab/laboratory.ts";
import { conclude, inLaboratory, type Scenario } from "../lab/scenario.ts";

/** The API is killed under clients that repeat with their keys and readers that resume. */
export const killApi: Scenario = {
  name: "kill-api",
  title: "kill -9 of the API under load, clients that retry with idempotency keys, readers that resume",
  allowed: "0 lost, 0 doubled executions; every reader has every event once, in order",
  shortRounds: 1,
  weight: 0.5,
  round: (seed, size) =>
    inLaboratory(
      () => openLaboratory({ seed, name: "kill-api", members: 3, plan: () => ({ pieces: 12, pieceDelayMs: 8 }) }),
      async (lab) => {
        const { random } = lab;
        const kills = size === "short" ? 3 : 10;
        const total = size === "short" ? 40 : 150;
        let api = (await Promise.all([lab.start("api"), lab.start("worker")]))[0];
        const deadline = AbortSignal.timeout(180_000);
        let next = 0;
        let killing = true;
        const readers: Promise<number>[] = [];
        const submit = async () => {
          while (next < total || killing) {
            next += 1;
            const { taskId, marker } = await lab.newTask();
            const id = await lab.client.accept(taskId, marker, random.pick([undefined, 1]));
            readers.push(lab.client.follow(id, deadline));
            await delay(size === "short" ? 60 : 40);
          }
        };
        const submitting = Promise.all(Array.from({ length: 4 }, submit));
        for (let kill = 0; kill < kills; kill += 1) {
          await delay(random.between(30, 900));
          await api.kill();
          const killedAtMs = Date.now();
          api = await lab.start("api");
          lab.history.recoveriesMs.push(Date.now() - killedAtMs);
        }
        killing = false;
        await submitting;
        const events = (await Promise.all(readers)).reduce((sum, count) => sum + count, 0);
        return conclude(lab, { timeoutMs: 60_000 }, { counts: { kills, eventsRead: events } });
      },
    ),
};
