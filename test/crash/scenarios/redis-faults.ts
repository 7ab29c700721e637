import { setTimeout as delay } from "node:timers/promises";
import { startRedis, type TestRedis } from "../../support/redis.ts";
import { openLaboratory } from "../lab/laboratory.ts";
import { conclude, inLaboratory, type Scenario } from "../lab/scenario.ts";

/** Redis is killed, frozen, emptied or was never there. */
export const redisFaults: Scenario = {
  name: "redis-faults",
  title: "Redis killed, stopped, flushed, absent",
  allowed: "no change in results",
  shortRounds: 1,
  weight: 0.4,
  round: async (seed, size) => {
    let redis: TestRedis = await startRedis();
    const { port } = redis;
    try {
      return await inLaboratory(
        () =>
          openLaboratory({ seed, name: "redis-faults", members: 4, plan: () => ({ pieces: 15, pieceDelayMs: 10 }) }),
        async (lab) => {
          const environment = { REDIS_URL: redis.url };
          await Promise.all([lab.start("api", environment), lab.start("worker", environment)]);
          const deadline = AbortSignal.timeout(120_000);
          const readers: Promise<number>[] = [];
          const steps = ["killed", "back", "stopped", "back", "flushed", "absent"] as const;
          for (const step of steps) {
            for (let n = 0; n < (size === "short" ? 2 : 6); n += 1) {
              const { taskId, marker } = await lab.newTask();
              readers.push(lab.client.follow(await lab.client.accept(taskId, marker), deadline));
            }
            await delay(lab.random.between(100, 700));
            if (step === "killed" || step === "absent") redis.process.kill("SIGKILL");
            if (step === "stopped") redis.process.kill("SIGSTOP");
            if (step === "back") {
              await redis.stop();
              redis = await startRedis(port);
            }
          }
          await Promise.all(readers);
          return conclude(lab, { timeoutMs: 60_000 });
        },
      );
    } finally {
      await redis.stop();
    }
  },
};
