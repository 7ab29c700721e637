// A Muster of its own for a bench: started by start-bench-muster.ts with fork(), configured by its environment.
import { readConfig } from "#config";
import { claimInstallation, createApiKey, issueClaimCode } from "#domain";
import { startMuster } from "#main";
import { parentOf } from "./process-cost.ts";
import { type Seeded, type SeedSize, seedData } from "./seed-data.ts";

export interface ChildReady {
  type: "ready";
  url: string | null;
  databaseUrl: string;
  /** The postmaster, null with a server elsewhere. */
  postgresPid: number | null;
  seeded: Seeded | null;
  /** Of the first user, the owner. */
  apiKey: string;
  startedInMs: number;
}

export type ChildRequest = { type: "usage" } | { type: "stop" };
export interface ChildUsage {
  type: "usage";
  cpuMs: number;
  rssBytes: number;
}

const size = JSON.parse(process.env.BENCH_SEED ?? "null") as SeedSize | null;
delete process.env.BENCH_SEED;
const began = performance.now();
const muster = await startMuster(readConfig(process.env));
const startedInMs = performance.now() - began;
const { db, embedded, databaseUrl } = muster.core;
const seeded = size === null ? null : await seedData(db, size);
const code = size === null ? await issueClaimCode(db) : null;
if (code !== null) {
  const body = { claimCode: code, email: "bench@example.org", name: "Bench", password: "bench-bench-bench" };
  await claimInstallation(db, body, null);
}
const { rows: users } = await db.pool.query<{ id: string }>("SELECT id FROM users ORDER BY id LIMIT 1");
const { token: apiKey } = await createApiKey(db, { userId: users[0]?.id ?? "" }, "bench");
const { rows } = await db.pool.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
const postgresPid = embedded === null ? null : parentOf(rows[0]?.pid ?? 0);
const ready: ChildReady = { type: "ready", url: muster.url, databaseUrl, postgresPid, seeded, apiKey, startedInMs };
// The bench was killed, perhaps while this was filled: nobody wants this server any more.
const leave = () => void muster.stop().finally(() => process.exit());
if (process.connected) process.send?.(ready);
else leave();

process.on("message", (request: ChildRequest) => {
  if (request.type === "usage") {
    const { user, system } = process.cpuUsage();
    const usage: ChildUsage = { type: "usage", cpuMs: (user + system) / 1000, rssBytes: process.memoryUsage.rss() };
    process.send?.(usage);
  } else void muster.stop().finally(() => process.disconnect());
});
process.once("disconnect", leave);
