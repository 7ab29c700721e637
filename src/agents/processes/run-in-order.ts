/** A piece of work that may start when all it depends on is done. */
export interface Job {
  key: string;
  dependsOn: readonly string[];
}

/**
 * Runs jobs as soon as their dependencies are done, at most `maxParallel` at a time, in the order given. When one fails (rejects
 * or returns false) nothing new is started, those under way are waited for, since their work is paid for and recorded, and then
 * the first rejection is passed on. Dependencies that are not among the jobs count as done. Resolves true when all were done.
 */
export async function runInOrder<Each extends Job>(
  jobs: readonly Each[],
  maxParallel: number,
  run: (job: Each) => Promise<boolean>,
): Promise<boolean> {
  const open = new Set(jobs.map((job) => job.key));
  const waiting = [...jobs];
  const running = new Map<string, Promise<void>>();
  const faults: unknown[] = [];
  let stopped = false;
  const start = async (job: Each) => {
    try {
      if (await run(job)) open.delete(job.key);
      else stopped = true;
    } catch (error) {
      faults.push(error);
      stopped = true;
    } finally {
      running.delete(job.key);
    }
  };
  while (true) {
    while (!stopped && running.size < Math.max(1, maxParallel)) {
      const next = waiting.findIndex((job) => job.dependsOn.every((key) => !open.has(key)));
      if (next < 0) break;
      const [job] = waiting.splice(next, 1);
      if (job !== undefined) running.set(job.key, start(job));
    }
    if (running.size === 0) break;
    await Promise.race(running.values());
  }
  if (faults.length > 0) throw faults[0];
  return open.size === 0;
}
