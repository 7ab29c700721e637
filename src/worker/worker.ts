import { setTimeout as delay } from "node:timers/promises";
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
/** Only who has renewed its own lease without trouble for this long calls others dead for not renewing theirs. */
const certainForMs = 4_000;
/** How long the journal may take to write what an execution hands over when the worker stops, beyond the grace. */
const lastWriteMs = 500;
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
  // To a second claim, what the first has just been given would look left alone.
  const exclusively = oneAfterTheOther();
  let again = false;
  let abandoned = false;
  /** When the lease was last in doubt, by the monotonic clock; at first: now. */
  let doubtfulAtMs = performance.now();

  function start(claim: Claim): void {
    // The answer came after the lease was gone: whoever holds one takes it over.
    if (abandoned) return;
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
    if (again) return;
    again = true;
    try {
      await exclusively(async () => {
        while (again) {
          again = false;
          const free = options.concurrency - active.size;
          if (stopping || free <= 0 || lease.doubtful()) return;
          const claims = await claimNew(free);
          for (const claim of claims) start(claim);
          if (claims.length === free) again = true;
        }
      });
    } catch (error) {
      log.warn({ err: error }, "could not claim executions; trying again");
    }
  }

  async function takeOver(): Promise<void> {
    const free = options.concurrency - active.size;
    if (stopping || free <= 0 || lease.doubtful()) return;
    for (const claim of await claimLeft(free)) {
      if (claim.takenOver) log.warn({ executionId: claim.id, epoch: claim.epoch }, "took over an execution");
      start(claim);
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
      if (lease.doubtful()) doubtfulAtMs = performance.now();
      const buried = await buryDeadWorkers(db, performance.now() - doubtfulAtMs > certainForMs);
      if (buried > 0) log.warn({ workers: buried }, "took the lease from dead workers");
      await exclusively(takeOver);
      if (active.size > 0)
        for (const flags of await readControlFlags(db, lease.workerId)) active.get(flags.id)?.control(flags);
    } catch (error) {
      log.warn({ err: error }, "the sweep failed; trying again");
    } finally {
      sweeping = false;
    }
  }

  const offQueue = listener.on(queueChannel, wake);
  const offControl = listener.on(controlChannel, (payload) => tellWish(active, payload));
  const offReconnect = listener.onReconnect(wake);
  const sweepTimer = setInterval(() => void sweep(), sweepIntervalMs);
  const pollTimer = setInterval(wake, pollIntervalMs);
  void sweep().then(wake);

  return {
    wake,
    active: () => active.size,
    abandon() {
      options.writer.giveUp();
      abandoned = true;
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
      // What a claim that is under way brings is handed over, too.
      await Promise.race([exclusively(async () => undefined), delay(graceMs)]);
      // A database that is away must not hold up the end: the lease ends by itself, the next worker takes over.
      const timer = setTimeout(() => options.writer.giveUp(), graceMs + lastWriteMs);
      await Promise.all([...active.values()].map((run) => run.handOver(graceMs)));
      clearTimeout(timer);
    },
  };
}

/** Hands a user's wish (`ID:cancel`, `ID:pause`) to the run it is for, if that is here. */
function tellWish(active: ReadonlyMap<string, ActiveRun>, payload: string): void {
  const [executionId, wish] = payload.split(":");
  if (executionId !== undefined)
    active.get(executionId)?.control({ cancel: wish === "cancel", pause: wish === "pause" });
}

/** Runs what it is given one after the other; each rejects with its own fault. */
function oneAfterTheOther(): (work: () => Promise<void>) => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  };
}
