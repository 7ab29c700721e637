// What it costs to dispatch: pg-boss beside the execution's own row as the queue (docs/decisions/0010-the-row-is-the-queue.md).
//
//   node bench/queue/pg-boss-comparison.ts [JOBS]
//
// Needs `npm i --no-save pg-boss@12.38.0` where pg-boss is not installed. The same number of dispatches, first one after the
// other, then eight at once, on one PostgreSQL of its own with fsync on. CPU is Node's and that of all server processes.
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { migrate, openDatabase, startEmbeddedPostgres, uuidv7 } from "#db";
import { acceptExecution } from "#domain";
import { claimQueued } from "#queue";
import { insertTask } from "../../test/support/executions.ts";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";

/** The part of pg-boss 12 that is measured. */
interface Boss {
  on(event: "error", listener: (error: unknown) => void): void;
  start(): Promise<unknown>;
  stop(options?: object): Promise<void>;
  createQueue(name: string): Promise<void>;
  send(name: string, data: object): Promise<string | null>;
  fetch(name: string): Promise<{ id: string }[]>;
  complete(name: string, id: string): Promise<unknown>;
}

const jobs = Number(process.argv[2] ?? 2_000);
const ticksPerSecond = 100;

/** CPU milliseconds of the server and all its processes, those that ended included (proc(5) stat, fields 14 to 17). */
function serverCpuMs(postmaster: number): number {
  let ticks = 0;
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (Number(entry) !== postmaster && Number(fields[1]) !== postmaster) continue;
      ticks += Number(fields[11]) + Number(fields[12]);
      if (Number(entry) === postmaster) ticks += Number(fields[13]) + Number(fields[14]);
    } catch {
      // It ended between the two looks; its parent has its time.
    }
  }
  return (ticks * 1_000) / ticksPerSecond;
}

async function measure(name: string, postmaster: number, concurrency: number, one: () => Promise<void>): Promise<void> {
  for (let n = 0; n < 100; n += 1) await one();
  const server = serverCpuMs(postmaster);
  const node = process.cpuUsage();
  const started = performance.now();
  let left = jobs;
  const loop = async () => {
    while (left > 0) {
      left -= 1;
      await one();
    }
  };
  await Promise.all(Array.from({ length: concurrency }, loop));
  const wallMs = performance.now() - started;
  const used = process.cpuUsage(node);
  const nodeMs = (used.user + used.system) / 1_000;
  const figures = [
    name,
    String(concurrency),
    `${((wallMs * 1_000) / jobs).toFixed(0)} µs`,
    `${((nodeMs * 1_000) / jobs).toFixed(0)} µs`,
    `${(((serverCpuMs(postmaster) - server) * 1_000) / jobs).toFixed(0)} µs`,
  ];
  console.log(`| ${figures.join(" | ")} |`);
}

async function loadBoss(url: string): Promise<Boss> {
  const path = createRequire(import.meta.url).resolve("pg-boss");
  const { PgBoss } = (await import(path)) as { PgBoss: new (url: string) => Boss };
  return new PgBoss(url);
}

const folder = temporaryFolder();
const server = await startEmbeddedPostgres({ dataDir: `${folder.path}/data` });
const db = await openDatabase({
  url: server.url,
  poolMin: 8,
  poolMax: 10,
  idleTimeoutMs: 60_000,
  connectionTimeoutMs: 5_000,
  slowQueryMs: 60_000,
});
try {
  await migrate(db.pool);
  const { rows } = await db.query<{ path: string }>("bench_data", "SELECT current_setting('data_directory') AS path");
  const postmaster = Number(readFileSync(`${rows[0]?.path}/postmaster.pid`, "utf8").split("\n")[0]);
  const boss = await loadBoss(server.url);
  boss.on("error", (error) => console.error(error));
  await boss.start();
  await boss.createQueue("executions");
  const task = await insertTask(db);
  const workerId = uuidv7();
  const accept = async () => {
    await acceptExecution(db, { userId: task.userId }, { taskId: task.taskId });
  };
  const dispatch = async () => {
    await boss.send("executions", { executionId: uuidv7() });
    const [job] = await boss.fetch("executions");
    if (job) await boss.complete("executions", job.id);
  };
  console.log("| way | at once | time | CPU Node | CPU PostgreSQL |\n|---|---|---|---|---|");
  for (const concurrency of [1, 8]) {
    await measure("pg-boss: send, fetch, complete (beside the execution's own row)", postmaster, concurrency, dispatch);
    await measure("accept alone (needed in any case)", postmaster, concurrency, accept);
    await measure("the row is the queue: claim", postmaster, concurrency, async () => {
      await claimQueued(db, workerId, 1);
    });
  }
  await boss.stop({ graceful: false });
} finally {
  await db.close();
  await server.stop();
  await folder.remove();
}
