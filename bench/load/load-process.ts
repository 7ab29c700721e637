// A process of its own that plays some of the users, so that the load does not share an event loop with who measures it.
// Started by run.ts with fork(): the plan comes as the first message, the figures go back as the last.
import { randomBytes } from "node:crypto";
import { setPriority } from "node:os";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { Agent } from "undici";
import { type Profile, usersAt } from "./profile.ts";
import type { RequestStatistics } from "./summary.ts";
import { type Sample, seededRandom, VirtualUser } from "./virtual-user.ts";

export interface LoadPlan {
  profile: Profile;
  origins: string[];
  apiKeys: string[];
  scale: number;
  seed: number;
  /** This process plays every `processes`-th user, from `index`. */
  index: number;
  processes: number;
}

export interface LoadFigures {
  statistics: RequestStatistics[];
  problems: string[];
  iterations: number;
  cpuMs: number;
  /** How late this process's own event loop was, 99th percentile: that much of a time is the load's, not the server's. */
  lateP99Ms: number;
  /** It has the CPU before the server it shares a machine with. */
  isFirst: boolean;
}

const stepMs = 100;
const keptProblems = 10;
const lateResolutionMs = 10;

/** Who measures must not wait for the CPU with whom it measures; true when the system allows it (root on Linux). */
function takePriority(): boolean {
  try {
    setPriority(-10);
    return true;
  } catch {
    return false; // As it was: the lateness is told beside the figures.
  }
}

async function play(plan: LoadPlan): Promise<LoadFigures> {
  const dispatcher = new Agent({ connections: null, pipelining: 1, keepAliveTimeout: 60_000 });
  const byName = new Map<string, RequestStatistics>();
  const problems: string[] = [];
  let iterations = 0;
  const record = ({ name, kind, durationMs, ok, late: isLate, problem }: Sample) => {
    let statistics = byName.get(name);
    if (statistics === undefined) {
      statistics = { name, kind, durations: [], failed: 0, late: 0 };
      byName.set(name, statistics);
    }
    statistics.durations.push(durationMs);
    if (!ok) statistics.failed++;
    if (isLate) statistics.late++;
    if (problem !== undefined && problems.length < keptProblems) problems.push(`${name}: ${problem}`);
  };
  const isFirst = takePriority();
  const late = monitorEventLoopDelay({ resolution: lateResolutionMs });
  late.enable();
  const started = performance.now();
  let wanted = 0;
  const users: Promise<void>[] = [];
  const live = async (number: number) => {
    const apiKey = plan.apiKeys[number % plan.apiKeys.length];
    if (apiKey === undefined) throw new Error("no API key was given");
    const random = seededRandom(plan.seed * 100_003 + number);
    const unique = () => randomBytes(6).toString("hex");
    const user = new VirtualUser({ ...plan, dispatcher, apiKey, random, record, unique });
    try {
      await user.prepare();
    } catch (error) {
      record({ name: "prepare", kind: "api", durationMs: 0, ok: false, late: false, problem: String(error) });
      return;
    }
    // Not all at the same moment: users do not act in step.
    await sleep(random() * plan.profile.thinkSeconds * 1000);
    while (number < wanted) {
      await user.iterate();
      iterations++;
      await sleep(plan.profile.thinkSeconds * 1000);
    }
  };
  let next = plan.index;
  for (;;) {
    const now = usersAt(plan.profile, performance.now() - started, plan.scale);
    if (now === null) break;
    wanted = now;
    for (; next < wanted; next += plan.processes) users.push(live(next));
    await sleep(stepMs);
  }
  wanted = 0;
  await Promise.all(users);
  await dispatcher.close();
  const cpu = process.cpuUsage();
  late.disable();
  return {
    statistics: [...byName.values()],
    problems,
    iterations,
    cpuMs: (cpu.user + cpu.system) / 1000,
    lateP99Ms: late.percentile(99) / 1e6 - lateResolutionMs,
    isFirst,
  };
}

process.once("message", (plan: LoadPlan) => {
  play(plan).then(
    (figures) => process.send?.(figures, () => process.disconnect()),
    (error: unknown) => {
      console.error(error);
      process.exitCode = 1;
      process.disconnect();
    },
  );
});
