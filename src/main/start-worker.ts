import { setTimeout as delay } from "node:timers/promises";
import { uuidv7 } from "#db";
import { buryDeadWorkers, readQueueDepth, takeLease, type WorkerLease } from "#queue";
import { createJournalWriter, type ExecutionWorker, maintain, startWorker } from "#worker";
import type { Core } from "./compose-core.ts";

/** A worker of this process. */
export interface RunningWorker {
  /** There may be something in the queue. */
  wake(): void;
  /** Hands running executions over within `graceMs` and gives the lease back. */
  stop(graceMs: number): Promise<void>;
}

/** Executions worked at the same time by one process: they wait for models most of the time. */
const concurrency = 128;
/** How long abandoned executions may take to let go. */
const abandonMs = 1_000;
const housekeepingIntervalMs = 60_000;
/** Above this many streams at once, deltas are written less often: see docs/architecture/event-stream.md. */
const manyStreams = 16;

/**
 * Takes a lease and begins to claim executions; those of dead workers of this machine are free at once. When the lease
 * is taken away (this process was stopped for longer than it lasts), everything is abandoned and a new one taken.
 * With `only` it works that execution and no other.
 */
export async function startWorkerPart(core: Core, options: { only?: string } = {}): Promise<RunningWorker> {
  const { db, logger } = core;
  await buryDeadWorkers(db, false);
  core.metrics.watchQueue(async () => (await readQueueDepth(db)).queued);
  let stopped = false;
  let current = await start(onLost);

  function onLost(): void {
    logger.error("this worker's lease was taken away; what it worked is another's now");
    current.worker.abandon();
    if (!stopped) void takeNew();
  }

  async function takeNew(): Promise<void> {
    try {
      // Not awaited for ever: what was abandoned can write nothing, and a new lease does not depend on it.
      await Promise.race([current.worker.stop(0), delay(abandonMs, undefined, { ref: false })]);
      if (!stopped) current = await start(onLost);
    } catch (error) {
      logger.error({ err: error }, "no new lease yet; trying again");
      if (!stopped) setTimeout(() => void takeNew(), 1_000);
    }
  }

  async function start(onLeaseLost: () => void): Promise<{ worker: ExecutionWorker; lease: WorkerLease }> {
    const lease = await takeLease({ databaseUrl: core.databaseUrl, workerId: uuidv7(), onLost: onLeaseLost });
    const worker: ExecutionWorker = startWorker({
      db,
      writer: createJournalWriter(db, {
        onRetry: (error, attempt) => {
          if (attempt === 1)
            logger.warn({ err: error }, "the journal cannot be written; keeping what is to be written");
        },
      }),
      hub: core.hub,
      gateway: core.modelGateway.call,
      workspacesDir: core.workspacesDir,
      flushIntervalMs: () => (worker.active() > manyStreams ? 250 : 50),
      log: logger,
      onEnded: (ended) => core.metrics.observeExecution(ended),
      onCommitted: (change) => core.answers.changed(change),
      onQueueWait: (waitMs) => core.metrics.observeQueueWait(waitMs),
      surround: (execution, work) =>
        core.context.run({ executionId: execution.id }, () =>
          core.tracer.trace(
            "execution",
            {
              kind: "consumer",
              parent: execution.traceparent,
              attributes: { "muster.execution.id": execution.id },
            },
            work,
          ),
        ),
      lease,
      listener: core.listener,
      concurrency: options.only === undefined ? concurrency : 1,
      only: options.only,
    });
    return { worker, lease };
  }

  const ending = new AbortController();
  let round: Promise<unknown> = Promise.resolve();
  const housekeeping = setInterval(() => {
    round = maintain(db, { signal: ending.signal }).catch((error: unknown) =>
      logger.warn({ err: error }, "housekeeping failed; the next round tries again"),
    );
  }, housekeepingIntervalMs);
  housekeeping.unref();

  return {
    wake: () => current.worker.wake(),
    async stop(graceMs) {
      stopped = true;
      clearInterval(housekeeping);
      ending.abort();
      await current.worker.stop(graceMs);
      await current.lease.release();
      await round;
    },
  };
}
