import { setTimeout as delay } from "node:timers/promises";
import { createApiKey } from "#domain";
import { freePort } from "../../support/free-port.ts";
import { Client } from "../lab/client.ts";
import { type Gauge, growthOf, readGauge } from "../lab/gauges.ts";
import { type Laboratory, openLaboratory } from "../lab/laboratory.ts";
import type { MusterProcess } from "../lab/muster-process.ts";
import { type CrashPostgres, startCrashPostgres } from "../lab/postgres.ts";
import { conclude, inLaboratory, type Scenario } from "../lab/scenario.ts";

const mebibyte = 1024 * 1024;

/** Hours of ordinary work with a random fault each minute; two processes live through all of it and must not grow. */
export const soak: Scenario = {
  name: "soak",
  title: "2-hour soak (CRASH_SOAK_MINUTES) under steady work with a random fault each minute",
  allowed: "memory and handles flat, 0 violations",
  shortRounds: 0,
  weight: 0,
  onlyByName: true,
  round: async (seed, size) => {
    const minutes = Number(process.env.CRASH_SOAK_MINUTES ?? (size === "short" ? 2 : 120));
    const postgres = await startCrashPostgres();
    return inLaboratory(
      () =>
        openLaboratory({
          seed,
          name: "soak",
          members: 5,
          plan: () => ({ pieces: 20, pieceDelayMs: 10 }),
          database: postgres.database,
        }),
      async (lab) => {
        const [api, worker] = await Promise.all([lab.start("api"), lab.start("worker")]);
        const victims = await startVictims(lab);
        const client = await clientOfVictim(lab, victims);
        const untilMs = Date.now() + minutes * 60_000;
        const gauges = new Map<MusterProcess, Gauge[]>([
          [api, []],
          [worker, []],
        ]);
        const faults: Record<string, number> = {};
        const working = work(lab, [lab.client, client], untilMs);
        let nextFaultMs = Date.now() + 30_000;
        while (Date.now() < untilMs) {
          for (const [muster, list] of gauges) list.push(readGauge(muster));
          if (Date.now() >= nextFaultMs) {
            nextFaultMs += 60_000;
            const name = await strike(lab, victims, postgres);
            faults[name] = (faults[name] ?? 0) + 1;
            console.log(`  ${new Date().toISOString()} ${name}; ${describeGauges(gauges)}`);
          }
          await delay(5_000);
        }
        const { events } = await working;
        const result = await conclude(lab, { timeoutMs: 120_000 });
        for (const [muster, list] of gauges) result.violations.push(...growthViolations(muster, list));
        const sizes = [...gauges].flatMap(([muster, list]) => {
          const memory = growthOf(list.map((one) => one.memoryBytes));
          const handles = growthOf(list.map((one) => one.handles));
          return [
            [`${muster.role}MemoryMbEarly`, Math.round(memory.from / mebibyte)],
            [`${muster.role}MemoryMbLate`, Math.round(memory.to / mebibyte)],
            [`${muster.role}HandlesEarly`, handles.from],
            [`${muster.role}HandlesLate`, handles.to],
          ] as const;
        });
        return {
          ...result,
          counts: { ...result.counts, minutes, eventsRead: events, ...faults, ...Object.fromEntries(sizes) },
        };
      },
    );
  },
};

interface Victims {
  api: MusterProcess;
  worker: MusterProcess;
  apiPort: string;
}

async function startVictims(lab: Laboratory): Promise<Victims> {
  const apiPort = String(await freePort());
  const [api, worker] = await Promise.all([lab.start("api", { PORT: apiPort }), lab.start("worker")]);
  return { api, worker, apiPort };
}

/** A client of the API that is killed now and then. */
async function clientOfVictim(lab: Laboratory, victims: Victims): Promise<Client> {
  const { token } = await createApiKey(lab.db, { userId: lab.task.userId }, "soak");
  return new Client({ url: () => `http://127.0.0.1:${victims.apiPort}`, token, history: lab.history });
}

/** An execution every two seconds, half of them cancelled or followed to their end by a reader that resumes. */
async function work(lab: Laboratory, clients: Client[], untilMs: number): Promise<{ events: number }> {
  const deadline = AbortSignal.timeout(untilMs - Date.now() + 120_000);
  const readers: Promise<number>[] = [];
  while (Date.now() < untilMs) {
    const { taskId, marker } = await lab.newTask();
    const client = lab.random.pick(clients);
    const id = await client.accept(taskId, marker, lab.random.pick([undefined, 1]));
    // Whoever follows may do so at the other process than the one that accepted.
    readers.push(lab.random.pick(clients).follow(id, deadline));
    await delay(lab.random.between(1_000, 3_000));
  }
  const counts = await Promise.all(readers);
  return { events: counts.reduce((sum, count) => sum + count, 0) };
}

/** Breaks one thing, as it is drawn, and mends it; answers with its name. */
async function strike(lab: Laboratory, victims: Victims, postgres: CrashPostgres): Promise<string> {
  const faults = {
    async workerKilled() {
      await victims.worker.kill();
      victims.worker = await lab.start("worker");
    },
    async apiKilled() {
      await victims.api.kill();
      victims.api = await lab.start("api", { PORT: victims.apiPort });
    },
    async workerFrozen() {
      victims.worker.freeze();
      await delay(lab.random.between(12_000, 25_000));
      victims.worker.thaw();
    },
    async databaseCrashed() {
      await postgres.restart();
    },
    async connectionsEnded() {
      await postgres.terminateAll();
    },
    async answersLost() {
      for (let n = 0; n < 5; n += 1) {
        await Promise.race([postgres.proxy.loseAnswerTo(lab.random.pick(["journal_commit", "COMMIT"])), delay(2_000)]);
      }
    },
    async databaseSlow() {
      postgres.proxy.setToxic("down", { kind: "latency", delayMs: lab.random.between(20, 100) });
      await delay(10_000);
      postgres.proxy.setToxic("down", null);
    },
    async providerSlow() {
      const slow = { kind: "slow-first-byte", delayMs: lab.random.between(500, 3_000) } as const;
      lab.provider.setPlan((index) => ({ pieces: 20, pieceDelayMs: 10, ...(index % 3 === 0 ? { fault: slow } : {}) }));
      await delay(10_000);
      lab.provider.setPlan(() => ({ pieces: 20, pieceDelayMs: 10 }));
    },
  };
  const names = Object.keys(faults) as (keyof typeof faults)[];
  const name = lab.random.pick(names);
  const over = lab.disturb(name);
  await faults[name]();
  // What it broke is noticed and mended within the lease and a little.
  await delay(13_000);
  over();
  return name;
}

function describeGauges(gauges: Map<MusterProcess, Gauge[]>): string {
  return [...gauges]
    .map(([{ role }, list]) => {
      const last = list.at(-1);
      return `${role} ${Math.round((last?.memoryBytes ?? 0) / mebibyte)} MB, ${last?.handles} handles`;
    })
    .join("; ");
}

/** Flat: the last fifth is not more than a tenth and 24 MB (or 10 handles) above the second fifth. */
function growthViolations({ role }: MusterProcess, list: readonly Gauge[]): string[] {
  const memory = growthOf(list.map((one) => one.memoryBytes));
  const handles = growthOf(list.map((one) => one.handles));
  const found: string[] = [];
  if (memory.to > memory.from * 1.1 + 24 * mebibyte) {
    found.push(`the ${role} grew from ${memory.from / mebibyte} to ${memory.to / mebibyte} MB`);
  }
  if (handles.to > handles.from + 10) found.push(`the ${role} went from ${handles.from} to ${handles.to} handles`);
  return found;
}
