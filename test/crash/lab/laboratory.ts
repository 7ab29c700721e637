import { mkdirSync, readFileSync } from "node:fs";
import { type ExecutionStatus, isTerminal } from "#contracts";
import { type Database, uuidv7 } from "#db";
import { acceptExecution, createApiKey } from "#domain";
import { createTestDatabase } from "../../support/database.ts";
import { insertTask, type TestTask } from "../../support/executions.ts";
import { freePort } from "../../support/free-port.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { check } from "./checker.ts";
import { Client } from "./client.ts";
import { History } from "./history.ts";
import { type MusterOptions, type MusterProcess, startMusterProcess } from "./muster-process.ts";
import { type CrashProvider, type ProviderPlan, price, startCrashProvider } from "./provider.ts";
import { createRandom, type Random } from "./random.ts";

export interface LaboratoryOptions {
  seed: number;
  name: string;
  /** The squad that does the work: `sequential` with n members is n steps. */
  process?: "lead" | "sequential" | "parallel";
  members?: number;
  plan?: (requestIndex: number, marker: string) => ProviderPlan;
  /** Another database than the shared one (restarted, behind a proxy); `direct` reaches it without the proxy. */
  database?: { url: string; db: Database; close(): Promise<void> };
}

/** One installation of Muster under test: database, provider, processes, and all that was promised. */
export interface Laboratory {
  readonly random: Random;
  readonly history: History;
  readonly provider: CrashProvider;
  /** The laboratory's own way into the database. */
  readonly db: Database;
  readonly client: Client;
  readonly task: TestTask;
  readonly processes: readonly MusterProcess[];
  /** Starts a process and waits until it is ready to work. An API listens where the client looks, or on `PORT`. */
  start(role: MusterOptions["role"], environment?: Record<string, string>): Promise<MusterProcess>;
  /** A task of its own with a marker that the provider sees. */
  newTask(): Promise<{ taskId: string; marker: string }>;
  /** Accepts an execution as the API does, without one. */
  accept(budgetNanoUsd?: number): Promise<{ executionId: string; marker: string }>;
  /** Notes that something is disturbed; call the answer when it is over. */
  disturb(what: string): () => void;
  /** Waits until these (all, when absent) rest; returns those that do not within the time. */
  untilRest(timeoutMs: number, ids?: readonly string[]): Promise<string[]>;
  /** Resolves with the milliseconds until nothing names a worker of this process any more. */
  takenOver(pid: number, timeoutMs?: number): Promise<number>;
  /** Every broken promise. */
  check(options?: {
    allowed?: readonly ExecutionStatus[];
    stuck?: readonly string[];
    extraCallsNeedDisturbance?: boolean;
  }): Promise<string[]>;
  /** The end of what the processes logged, for a failing seed. */
  log(): string;
  close(): Promise<void>;
}

const defaultPlan = (): ProviderPlan => ({ pieces: 12, pieceDelayMs: 8 });

/** Opens a laboratory. Everything it starts ends with `close`. */
export async function openLaboratory(options: LaboratoryOptions): Promise<Laboratory> {
  const folder = temporaryFolder();
  const dataDir = `${folder.path}/data`;
  mkdirSync(dataDir);
  const logPath = `${folder.path}/muster.log`;
  const random = createRandom(options.seed, options.name);
  const history = new History();
  const provider = await startCrashProvider(`${folder.path}/ledger.jsonl`, options.plan ?? defaultPlan);
  const shared = options.database ? null : await createTestDatabase({ poolMax: 6 });
  const database = options.database ?? {
    url: shared?.url ?? "",
    db: shared?.db as Database,
    close: async () => undefined,
  };
  const { db } = database;
  const task = await insertTask(db, {
    model: price.model,
    members: options.members ?? 3,
    process: options.process ?? "sequential",
  });
  const { token } = await createApiKey(db, { userId: task.userId }, "laboratory");
  const apiPort = await freePort();
  const processes: MusterProcess[] = [];
  let count = 0;

  const client = new Client({ url: () => `http://127.0.0.1:${apiPort}`, token, history });

  async function newTask(): Promise<{ taskId: string; marker: string }> {
    const taskId = uuidv7();
    count += 1;
    const marker = `mark-${options.seed}n${count}`;
    await db.query(
      "crash_task",
      "INSERT INTO tasks (id, user_id, project_id, squad_id, title) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
      [taskId, task.userId, task.projectId, task.squadId, `Do ${marker}z`],
    );
    return { taskId, marker: `${marker}z` };
  }

  function watchEnd(muster: MusterProcess): void {
    void muster.gone.then(({ code, signal }) => {
      if (!muster.expectedEnd) history.violations.push(`a ${muster.role} ended by itself (${signal ?? code})`);
    });
  }

  return {
    random,
    history,
    provider,
    db,
    client,
    task,
    processes,
    async start(role, environment = {}) {
      const port = environment.PORT ? Number(environment.PORT) : role === "worker" ? await freePort() : apiPort;
      const muster = startMusterProcess({
        role,
        databaseUrl: database.url,
        dataDir,
        providerUrl: provider.url,
        logPath,
        port,
        environment,
      });
      processes.push(muster);
      watchEnd(muster);
      await muster.ready();
      if (role !== "worker") return muster;
      await until(120_000, async () => {
        if (!muster.alive()) throw new Error(`A worker ended before it was ready:\n${tail(logPath)}`);
        const { rows } = await db.query("crash_worker", "SELECT 1 FROM workers WHERE pid = $1", [muster.pid]);
        return rows.length > 0;
      });
      return muster;
    },
    newTask,
    async accept(budgetNanoUsd) {
      const { taskId, marker } = await newTask();
      const accepted = await acceptExecution(db, { userId: task.userId }, { taskId, budgetNanoUsd });
      if (accepted.outcome !== "accepted") throw new Error(`Not accepted: ${JSON.stringify(accepted)}`);
      const executionId = accepted.execution.id;
      history.acknowledged.push({ executionId, marker, idempotencyKey: null, atMs: Date.now() });
      await db.query("crash_notify", "SELECT pg_notify('muster_queue', 'laboratory')");
      return { executionId, marker };
    },
    disturb(what) {
      const disturbance = {
        what,
        fromMs: Date.now(),
        untilMs: Number.POSITIVE_INFINITY,
        inFlight: provider.inFlight(),
      };
      history.disturbances.push(disturbance);
      return () => {
        disturbance.untilMs = Date.now();
      };
    },
    async untilRest(timeoutMs, ids = history.acknowledged.map((one) => one.executionId)) {
      let open = [...ids];
      await until(timeoutMs, async () => {
        const { rows } = await db.query<{ id: string; status: ExecutionStatus }>(
          "crash_statuses",
          "SELECT id, status FROM task_executions WHERE id = ANY($1::uuid[])",
          [open],
        );
        for (const row of rows) history.sawStatus(row.id, row.status);
        const moving = rows.filter((row) => !isTerminal(row.status) && row.status !== "paused");
        open = moving.map((row) => row.id);
        return open.length === 0;
      }).catch((error: unknown) => {
        if (!(error instanceof TimeoutError)) throw error;
      });
      return open;
    },
    async takenOver(pid, timeoutMs = 20_000) {
      const started = Date.now();
      const { rows } = await db.query<{ id: string; epoch: number }>(
        "crash_orphans",
        `SELECT t.id, t.epoch FROM task_executions t JOIN workers w ON w.id = t.worker_id WHERE w.pid = $1 AND t.status = 'running'`,
        [pid],
      );
      if (rows.length === 0) return 0;
      await until(timeoutMs, async () => {
        const { rows: left } = await db.query(
          "crash_orphans_left",
          `SELECT 1 FROM task_executions t JOIN unnest($1::uuid[], $2::int[]) AS o(id, epoch) ON t.id = o.id AND t.epoch = o.epoch AND t.status = 'running'`,
          [rows.map((row) => row.id), rows.map((row) => row.epoch)],
        );
        return left.length === 0;
      });
      const tookMs = Date.now() - started;
      history.recoveriesMs.push(tookMs);
      return tookMs;
    },
    check: ({ allowed = ["completed"] as const, stuck = [], extraCallsNeedDisturbance = true } = {}) =>
      check({ db, history, ledger: provider.ledger(), allowed, stuck, extraCallsNeedDisturbance }),
    log: () => tail(logPath),
    async close() {
      for (const muster of processes) {
        muster.thaw();
        await muster.kill();
      }
      await provider.close();
      await shared?.drop();
      await options.database?.close();
      await folder.remove();
    },
  };
}

export class TimeoutError extends Error {}

/** Asks every 25 ms until the answer is true. @throws {TimeoutError} */
export async function until(timeoutMs: number, done: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await done())) {
    if (Date.now() > deadline) throw new TimeoutError(`not within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

function tail(path: string): string {
  return readFileSync(path, "utf8").split("\n").slice(-40).join("\n");
}
