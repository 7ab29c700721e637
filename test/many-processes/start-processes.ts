import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { uuidv7 } from "#db";
import { createApiKey, hashPassword } from "#domain";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { freePort } from "../support/free-port.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

export const password = "a password that is long";

/** Real processes of Muster on one database: two that answer and two that work. */
export interface Processes {
  apis: { url: string; process: ChildProcess }[];
  workers: { url: string; process: ChildProcess }[];
  database: TestDatabase;
  user: { id: string; email: string; token: string };
  /** What the processes logged. */
  log(): string;
  stop(): Promise<void>;
}

const root = fileURLToPath(new URL("../../", import.meta.url));
const startTimeoutMs = 90_000;

async function createPerson(database: TestDatabase): Promise<Processes["user"]> {
  const id = uuidv7();
  const email = `many-${id}@example.org`;
  await database.db.query(
    "test_user_create",
    "INSERT INTO users (id, email, name, password_hash, role) VALUES ($1, $2, 'Many', $3, 'owner')",
    [id, email, await hashPassword(password)],
  );
  return { id, email, token: (await createApiKey(database.db, { userId: id }, "test")).token };
}

/** Starts two APIs and two workers with `muster up`; `redisUrl` null: on PostgreSQL alone. */
export async function startProcesses(redisUrl: string | null): Promise<Processes> {
  const folder = temporaryFolder();
  const dataDir = `${folder.path}/data`;
  mkdirSync(dataDir);
  const logPath = `${folder.path}/muster.log`;
  const database = await createTestDatabase({ poolMax: 4 });
  const user = await createPerson(database);
  const children: ChildProcess[] = [];
  const start = async (role: "api" | "worker") => {
    const port = await freePort();
    const log = openSync(logPath, "a");
    const child = spawn(process.execPath, [`${root}bin/muster.js`, "up"], {
      cwd: root,
      stdio: ["ignore", log, log],
      env: {
        PATH: process.env.PATH ?? "/usr/bin:/bin",
        HOME: dataDir,
        MUSTER_ROLE: role,
        MUSTER_DATA_DIR: dataDir,
        MUSTER_SECRET_KEY: "a key that all processes of this test share",
        DATABASE_URL: database.url,
        DATABASE_POOL_MIN: "1",
        DATABASE_POOL_MAX: "6",
        PORT: String(port),
        LOG_LEVEL: "info",
        ...(redisUrl === null ? {} : { REDIS_URL: redisUrl }),
      },
    });
    closeSync(log);
    children.push(child);
    return { url: `http://127.0.0.1:${port}`, process: child };
  };
  const stop = async (): Promise<void> => {
    await Promise.all(children.map(end));
    await database.drop();
    await folder.remove();
  };
  try {
    const [apis, workers] = await Promise.all([
      Promise.all([start("api"), start("api")]),
      Promise.all([start("worker"), start("worker")]),
    ]);
    await Promise.all([...apis, ...workers].map((one) => ready(one, logPath)));
    return { apis, workers, database, user, log: () => readFileSync(logPath, "utf8"), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function ready({ url, process: child }: { url: string; process: ChildProcess }, logPath: string): Promise<void> {
  const deadline = performance.now() + startTimeoutMs;
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null || performance.now() > deadline) {
      throw new Error(`A process did not start:\n${readFileSync(logPath, "utf8").slice(-3_000)}`);
    }
    const ok = await fetch(`${url}/health/ready`).then(
      (response) => response.ok,
      () => false, // Not listening yet.
    );
    if (ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGCONT");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await gone;
  clearTimeout(timer);
}
