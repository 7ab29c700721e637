import { setTimeout as delay } from "node:timers/promises";
import { type Laboratory, openLaboratory, until } from "../lab/laboratory.ts";
import { type CrashPostgres, startCrashPostgres } from "../lab/postgres.ts";
import { conclude, inLaboratory, type RoundResult, type Scenario } from "../lab/scenario.ts";

/** Runs `disturb` on a Muster (API and worker) whose database is behind a proxy, under a stream of executions. */
async function underLoad(
  seed: number,
  name: string,
  executions: number,
  disturb: (lab: Laboratory, postgres: CrashPostgres) => Promise<Record<string, number>>,
): Promise<RoundResult> {
  const postgres = await startCrashPostgres();
  const open = () =>
    openLaboratory({
      seed,
      name,
      members: 6,
      plan: () => ({ pieces: 20, pieceDelayMs: 10 }),
      database: postgres.database,
    });
  return inLaboratory(open, async (lab) => {
    await Promise.all([lab.start("api"), lab.start("worker")]);
    const deadline = AbortSignal.timeout(180_000);
    const readers: Promise<number>[] = [];
    let disturbing = true;
    const submitting = (async () => {
      while (disturbing || readers.length < executions) {
        const { taskId, marker } = await lab.newTask();
        const id = await lab.client.accept(taskId, marker, lab.random.pick([undefined, 1]));
        readers.push(lab.client.follow(id, deadline));
        await delay(lab.random.between(100, 500));
      }
    })();
    const counts = await disturb(lab, postgres);
    disturbing = false;
    await submitting;
    await Promise.all(readers);
    return conclude(lab, { timeoutMs: 60_000 }, { counts });
  });
}

/** Sum of what all executions have written: it grows when work goes on. */
async function progress(lab: Laboratory): Promise<number> {
  const { rows } = await lab.db.query<{ sum: number }>(
    "crash_progress",
    "SELECT COALESCE(sum(last_seq), 0)::int AS sum FROM task_executions",
  );
  return rows[0]?.sum ?? 0;
}

/** Notes how long it takes from now until something is written again. */
async function untilProgress(lab: Laboratory): Promise<void> {
  const fromMs = Date.now();
  const before = await progress(lab);
  await until(30_000, async () => (await progress(lab)) > before);
  const tookMs = Date.now() - fromMs;
  lab.history.recoveriesMs.push(tookMs);
  if (tookMs > 3_000) lab.history.violations.push(`work went on ${tookMs} ms after the database was back`);
}

/** PostgreSQL crashes (`-m immediate`) or throws everybody out. */
export const postgresRestarts: Scenario = {
  name: "postgres-restarts",
  title: "PostgreSQL `-m immediate` restart, or all connections terminated (a round is three)",
  allowed: "0 lost, no process exits, back ≤ 3 s",
  shortRounds: 1,
  weight: 0.5,
  round: (seed, size) =>
    underLoad(seed, "postgres-restarts", size === "short" ? 8 : 20, async (lab, postgres) => {
      let restarts = 0;
      let terminations = 0;
      for (let n = 0; n < 3; n += 1) {
        await delay(lab.random.between(300, 1_200));
        const over = lab.disturb("the database goes away");
        if (n === 0 || lab.random.next() < 0.5) {
          await postgres.restart();
          restarts += 1;
        } else {
          await postgres.terminateAll();
          terminations += 1;
        }
        await untilProgress(lab);
        over();
      }
      return { restarts, terminations };
    }),
};

const patterns = ["journal_commit", "journal_commit", "journal_commit", "queue_claim", "queue_claim", "COMMIT"];

/** Answers of the database are lost after it did what it was asked for. */
export const lostAnswers: Scenario = {
  name: "lost-answers",
  title: "answers of COMMIT lost in the network (100 in a long round)",
  allowed: "0 lost, 0 doubled",
  shortRounds: 1,
  weight: 0.2,
  round: (seed, size) =>
    underLoad(seed, "lost-answers", size === "short" ? 8 : 40, async (lab, { proxy }) => {
      const total = size === "short" ? 12 : 100;
      const over = lab.disturb("answers of the database are lost");
      let lost = 0;
      for (let n = 0; n < total; n += 1) {
        await delay(lab.random.between(0, 120));
        const pattern = lab.random.pick(patterns);
        const happened = await Promise.race([
          proxy.loseAnswerTo(pattern).then(() => true),
          delay(2_000, false), // Nothing of the kind is on its way any more.
        ]);
        if (happened) lost += 1;
      }
      over();
      // What is not in flight must not be repeated even while answers are lost: one request for each finished call.
      return { lostAnswers: lost };
    }),
};

/** The network between Muster and its database is slow, cut up, swallows bytes, breaks. */
export const databaseNetwork: Scenario = {
  name: "database-network",
  title: "latency, bandwidth, slices, cuts, time-outs and slow closes between Muster and PostgreSQL",
  allowed: "0 lost, no process exits",
  shortRounds: 0,
  weight: 0.3,
  round: (seed) =>
    underLoad(seed, "database-network", 15, async (lab, { proxy }) => {
      const over = lab.disturb("the network to the database is poisoned");
      for (const toxic of [
        { kind: "latency", delayMs: lab.random.between(20, 200) },
        { kind: "sliced", bytes: lab.random.between(1, 50) },
        { kind: "bandwidth", bytesPerSecond: 50_000 },
        { kind: "cut-after", bytes: lab.random.between(500, 20_000) },
        { kind: "slow-close", delayMs: 500 },
        { kind: "time-out" },
      ] as const) {
        proxy.setToxic(lab.random.pick(["up", "down"]), toxic);
        await delay(lab.random.between(500, 2_000));
        proxy.setToxic("up", null);
        proxy.setToxic("down", null);
        // Whoever waits for bytes that were swallowed is told so at last.
        if (toxic.kind === "time-out") proxy.cutAll();
      }
      await untilProgress(lab);
      over();
      return { toxics: 6 };
    }),
};
