import type { Listener } from "#db";
import {
  buryDeadWorkers,
  type Claim,
  claimOne,
  claimOrphans,
  claimQueued,
  controlChannel,
  queueChannel,
  readControlFlags,
  type WorkerLease,
} from "#queue";
import { type ActiveRun, type RunDeps, startRun } from "./run-execution.ts";

export interface WorkerOptions extends RunDeps {
  lease: WorkerLease;
  listener: Listener;
  /** Told of every claim: milliseconds it stood in the queue. */
  onQueueWait?: (waitMs: number) => void;
  /** Executions worked at the same time. */
  concurrency: number;
  /** Works this execution and leaves all others to others. */
  only?: string | undefined;
}

export interface ExecutionWorker {
  /** There may be something in the queue. */
  wake(): void;
  active(): number;
  /** The lease is gone: stops everything at once and writes nothing. */
  abandon(): void;
  /** Stops claiming, hands running executions over within `graceMs`, then resolves. */
  stop(graceMs: number): Promise<void>;
}

const sweepIntervalMs = 1_000;
/** Backlog and lost wake-ups are found by looking, too. */
const pollIntervalMs = 2_000;

/**
 * Claims executions and works them.
 *
 * Contract: starts nothing while its lease is in doubt; takes over what dead workers left; everything it hears is a
 * hint, everything it does is decided by the database.
 */
export function startWorker(options: WorkerOptions): ExecutionWorker {
  const { db, lease, listener, log } = options;
  const active = new Map<string, ActiveRun>();
  let stopping = false;
  let claiming = false;
  let again = false;

  function start(claim: Claim): void {
    options.onQueueWait?.(claim.waitMs);
    const run = startRun(options, claim);
    active.set(claim.id, run);
    void run.done.then(() => {
      if (active.get(claim.id) === run) active.delete(claim.id);
      wake();
    });
  }

  const { only } = options;
  const claimTheOne = (id: string) => claimOne(db, lease.workerId, id, [...active.keys()]);
  const claimNew = (free: number) => (only === undefined ? claimQueued(db, lease.workerId, free) : claimTheOne(only));
  const claimLeft = (free: number) =>
    only === undefined ? claimOrphans(db, lease.workerId, free, [...active.keys()]) : claimTheOne(only);

  async function fill(): Promise<void> {
    if (claiming) {
      again = true;
      return;
    }
    claiming = true;
    try {
      do {
        again = false;
        const free = options.concurrency - active.size;
        if (stopping || free <= 0 || lease.doubtful()) break;
        const claims = await claimNew(free);
        for (const claim of claims) start(claim);
        if (claims.length === free) again = true;
      } while (again);
    } catch (error) {
      log.warn({ err: error }, "could not claim executions; trying again");
    } finally {
      claiming = false;
    }
  }

  function wake(): void {
    if (!stopping) void fill();
  }

  let sweeping = false;
  async function sweep(): Promise<void> {
    if (stopping || sweeping) return;
    sweeping = true;
    try {
      const buried = await buryDeadWorkers(db);
      if (buried > 0) log.warn({ workers: buried }, "took the lease from dead workers");
      const free = options.concurrency - active.size;
      if (free > 0 && !lease.doubtful()) {
        for (const claim of await claimLeft(free)) {
          log.warn({ executionId: claim.id, epoch: claim.epoch }, "took over an execution");
          start(claim);
        }
      }
      if (active.size > 0)
        for (const flags of await readControlFlags(db, lease.workerId)) active.get(flags.id)?.control(flags);
    } catch (error) {
      log.warn({ err: error }, "the sweep failed; trying again");
    } finally {
      sweeping = false;
    }
  }

  const offQueue = listener.on(queueChannel, wake);
  const offControl = listener.on(controlChannel, (payload) => {
    const [executionId, wish] = payload.split(":");
    if (executionId !== undefined)
      active.get(executionId)?.control({ cancel: wish === "cancel", pause: wish === "pause" });
  });
  const offReconnect = listener.onReconnect(wake);
  const sweepTimer = setInterval(() => void sweep(), sweepIntervalMs);
  const pollTimer = setInterval(wake, pollIntervalMs);
  void sweep().then(wake);

  return {
    wake,
    active: () => active.size,
    abandon() {
      for (const run of active.values()) run.abandon();
    },
    async stop(graceMs) {
      if (stopping) return;
      stopping = true;
      clearInterval(sweepTimer);
      clearInterval(pollTimer);
      offQueue();
      offControl();
      offReconnect();
      await Promise.all([...active.values()].map((run) => run.handOver(graceMs)));
    },
  };
}
