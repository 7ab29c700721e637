import { actions, type FailureAction, type TransactionName, transactions } from "../lab/failpoints.ts";
import { type Laboratory, openLaboratory, until } from "../lab/laboratory.ts";
import type { MusterProcess } from "../lab/muster-process.ts";
import { conclude, inLaboratory, type Scenario } from "../lab/scenario.ts";

interface Point {
  transaction: TransactionName;
  action: FailureAction;
}

const allPoints: readonly Point[] = transactions.flatMap((transaction) =>
  actions.map((action) => ({ transaction, action })),
);
/** `npm test` tries this share of the points, another one for each seed. */
const shortShare = 4;

/** Each failure at each transaction: the only process, or the connection, dies before, during and after it. */
export const failurePoints: Scenario = {
  name: "failure-points",
  title: `every failure point × every transaction (${actions.length} × ${transactions.length})`,
  allowed: "0 violations",
  shortRounds: 1,
  weight: 0.2,
  round: (seed, size) =>
    inLaboratory(
      () =>
        openLaboratory({
          seed,
          name: "failure-points",
          members: 3,
          plan: () => ({ pieces: 16, pieceDelayMs: 10 }),
        }),
      async (lab) => {
        const points =
          size === "long" ? allPoints : allPoints.filter((_, index) => index % shortShare === seed % shortShare);
        let muster = await lab.start("all");
        let struck = 0;
        for (const point of points) {
          const { hit, next } = await strike(lab, muster, point);
          muster = next;
          if (hit) struck += 1;
          else lab.history.violations.push(`the point ${point.transaction}/${point.action} was never reached`);
        }
        return conclude(
          lab,
          { timeoutMs: 30_000, allowed: ["completed", "cancelled"] },
          { counts: { points: points.length, struck } },
        );
      },
    ),
};

/** Arms the point, brings its transaction about, and waits until all is at rest again. */
async function strike(
  lab: Laboratory,
  muster: MusterProcess,
  { transaction, action }: Point,
): Promise<{ hit: boolean; next: MusterProcess }> {
  const kills = action.startsWith("kill");
  const several = transaction === "begin" || transaction === "finish" || transaction === "flush";
  const nth = several ? lab.random.between(1, 3) : 1;
  const overtaking = transaction === "take-over" || transaction === "sweep";
  // What another process began; it has more to do than this one may finish before the point is armed.
  const other = overtaking ? await lab.start("worker") : null;
  const over = lab.disturb(`${action} at ${transaction}`);
  if (other) await orphan(lab, muster, other);
  await muster.arm({ transaction, action, nth, times: action === "disk-full" ? 2 : 1 });
  if (other) await other.kill();
  const reached = kills ? muster.gone.then(() => true) : muster.struck().then(() => true);
  const bounded = Promise.race([reached, new Promise<boolean>((resolve) => setTimeout(resolve, 8_000, false).unref())]);
  const work = other ? null : submit(lab, transaction);
  const hit = await bounded;
  const next = kills && hit ? await lab.start("all") : muster;
  const id = await work;
  const stuck = await lab.untilRest(15_000, id ? [id] : undefined);
  over();
  for (const one of stuck) lab.history.violations.push(`${one} is stuck after ${action} at ${transaction}`);
  return { hit, next };
}

/** Has an execution accepted by the client, and cancelled where that is the point. */
async function submit(lab: Laboratory, transaction: TransactionName): Promise<string> {
  const { taskId, marker } = await lab.newTask();
  const id = await lab.client.accept(taskId, marker, lab.random.pick([undefined, 1]));
  if (transaction === "cancel") {
    await lab.provider.streaming(marker);
    const answer = await lab.client.send("POST", `/api/v1/executions/${id}/cancel`, null, `cancel-${marker}`);
    if (answer.status >= 300 && answer.status !== 409)
      lab.history.violations.push(`a cancel was answered ${answer.status}`);
  }
  return id;
}

/** Makes the other process (and not this one) run an execution: this one is frozen meanwhile. */
async function orphan(lab: Laboratory, muster: MusterProcess, other: MusterProcess): Promise<void> {
  muster.freeze();
  const { executionId } = await lab.accept();
  await until(10_000, async () => {
    const { rows } = await lab.db.query(
      "crash_owner",
      "SELECT 1 FROM task_executions t JOIN workers w ON w.id = t.worker_id WHERE t.id = $1 AND w.pid = $2",
      [executionId, other.pid],
    );
    return rows.length > 0;
  });
  other.freeze();
  muster.thaw();
}
