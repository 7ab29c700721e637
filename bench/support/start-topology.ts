import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { startEmbeddedPostgres } from "#db";
import { freePort } from "../../test/support/free-port.ts";
import type { BenchGroup } from "../harness/groups.ts";
import { benchFolder } from "./bench-folder.ts";
import { cpuOfFamily, parentOf } from "./process-cost.ts";
import type { SeedSize } from "./seed-data.ts";
import { type BenchMuster, type Cost, startBenchMuster } from "./start-bench-muster.ts";

export const topologies = ["single", "many"] as const;
export type Topology = (typeof topologies)[number];

/** What a load profile is played against. */
export interface LoadTarget {
  /** Processes that answer requests; users go to them in turn. */
  origins: string[];
  /** Every process with a `/metrics` page. */
  scrapeUrls: string[];
  apiKeys: string[];
  /** CPU so far of all of Muster and of PostgreSQL; null for a server elsewhere. */
  cost: (() => Promise<Cost>) | null;
  /** Milliseconds that PostgreSQL has worked at statements so far, by its own count; null for a server elsewhere. */
  databaseActiveMs: (() => Promise<number>) | null;
}

/** Names of the groups in docs/performance.md, by profile. */
export const topologyNames: Record<"mixed" | "seed", Record<Topology, BenchGroup>> = {
  mixed: {
    single: "Load profile, 1 process with the embedded database",
    many: "Load profile, 2 APIs and 2 workers with PostgreSQL and Redis",
  },
  seed: {
    single: "Load profile of the seed, 1 process with the embedded database",
    many: "Load profile of the seed, 2 APIs and 2 workers with PostgreSQL and Redis",
  },
};

/** One process as the target of a load. */
export function targetOf(muster: BenchMuster): LoadTarget {
  const url = muster.url ?? "";
  return {
    origins: [url],
    scrapeUrls: [url],
    apiKeys: muster.seeded?.apiKeys ?? [],
    cost: muster.cost,
    databaseActiveMs: () => activeMs(muster.databaseUrl),
  };
}

/** Starts a topology on data of its own, on this machine. */
export async function startTopology(
  topology: Topology,
  seed: SeedSize,
): Promise<LoadTarget & { stop(): Promise<void> }> {
  if (topology === "many") return startMany(seed);
  const muster = await startBenchMuster({ seed });
  return { ...targetOf(muster), stop: muster.stop };
}

/** Two APIs and two workers of Muster, each a process, with a PostgreSQL (fsync on) and a Redis that nobody else uses. */
async function startMany(seed: SeedSize): Promise<LoadTarget & { stop(): Promise<void> }> {
  const folder = benchFolder("topology");
  const stops: (() => Promise<unknown>)[] = [async () => rmSync(folder, { recursive: true, force: true })];
  const stop = async () => {
    for (const one of stops.reverse()) await one();
  };
  try {
    const postgres = await startEmbeddedPostgres({ dataDir: join(folder, "postgres"), maxConnections: 150 });
    stops.push(() => postgres.stop());
    const redis = await startRedis(folder);
    stops.push(() => end(redis.process));
    const start = async (role: "api" | "worker", size: SeedSize | null) => {
      const port = await freePort();
      const env = {
        MUSTER_ROLE: role,
        PORT: String(port),
        // As a server of its own: by TCP.
        DATABASE_URL: postgres.tcpUrl,
        REDIS_URL: redis.url,
        MUSTER_SECRET_KEY: secretKey,
      };
      const muster = await startBenchMuster({ env, seed: size, dataDir: join(folder, "data") });
      stops.push(() => muster.stop());
      return { ...muster, url: `http://127.0.0.1:${port}` };
    };
    const secretKey = randomBytes(24).toString("base64url");
    const first = await start("api", seed);
    const rest = await Promise.all([start("api", null), start("worker", null), start("worker", null)]);
    const all = [first, ...rest];
    const postmaster = await postmasterOf(postgres.url);
    return {
      origins: all.slice(0, 2).map(({ url }) => url),
      scrapeUrls: all.map(({ url }) => url),
      apiKeys: first.seeded?.apiKeys ?? [],
      async cost() {
        const costs = await Promise.all(all.map((one) => one.cost()));
        return { nodeMs: costs.reduce((sum, { nodeMs }) => sum + nodeMs, 0), postgresMs: cpuOfFamily(postmaster) };
      },
      databaseActiveMs: () => activeMs(postgres.url),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Backends tell what they worked at when they rest, once a second at most. */
const statisticsLateMs = 1_500;

async function activeMs(databaseUrl: string): Promise<number> {
  await delay(statisticsLateMs);
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const { rows } = await client.query<{ ms: number }>(
    "SELECT active_time AS ms FROM pg_stat_database WHERE datname = current_database()",
  );
  await client.end();
  return rows[0]?.ms ?? Number.NaN;
}

async function postmasterOf(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  const pid = parentOf(rows[0]?.pid ?? 0) ?? 0;
  await client.end();
  return pid;
}

async function startRedis(folder: string): Promise<{ url: string; process: ChildProcess }> {
  const port = await freePort();
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder];
  const child = spawn("redis-server", args, { stdio: ["ignore", "pipe", "ignore"] });
  await new Promise<void>((resolve, reject) => {
    child.once("error", (error) => reject(new Error("redis-server is needed for this topology", { cause: error })));
    child.once("exit", (code) => reject(new Error(`redis-server ended (${code})`)));
    child.stdout.on("data", (chunk: Buffer) => chunk.includes("Ready to accept connections") && resolve());
  });
  return { url: `redis://127.0.0.1:${port}`, process: child };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  await gone;
}
