import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { createTestDatabase } from "../../support/database.ts";
import { freePort } from "../../support/free-port.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** The product as a user starts it: `muster up` in a process of its own. */
export interface RunningMuster {
  url: string;
  /** The link of the first run. */
  claimUrl: string;
  /** Ends the process at once, as a crash would; its database lives on, as after a real one. */
  kill(): Promise<void>;
  /** Starts it again on the same data and port. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

const program = fileURLToPath(new URL("../../../bin/muster.js", import.meta.url));
const startLimitMs = 60_000;

/**
 * Starts it on a database of its own in the PostgreSQL of the test run, which is there at once; `embedded` is how a first
 * start is without any setting. `settings` are variables of the environment; one may name a database that the test has.
 */
export async function runMuster(
  settings: Record<string, string> = {},
  kind: "shared" | "embedded" = "shared",
): Promise<RunningMuster> {
  const folder = temporaryFolder();
  const database = kind === "shared" && !settings.DATABASE_URL ? await createTestDatabase() : null;
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = {
    PATH: process.env.PATH,
    PORT: String(port),
    MUSTER_DATA_DIR: `${folder.path}/data`,
    LOG_LEVEL: "warn",
    ...(database ? { DATABASE_URL: database.url } : {}),
    ...settings,
  };
  let child: ChildProcess | null = null;
  let output = "";

  async function start(): Promise<void> {
    const started = spawn(process.execPath, [program, "up"], {
      cwd: folder.path,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    child = started;
    let ended = false;
    started.once("exit", () => {
      ended = true;
    });
    for (const stream of [started.stdout, started.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        output += chunk.toString();
      });
    }
    await waitUntil(
      startLimitMs,
      () => `Muster did not start:\n${output}`,
      async () => {
        if (ended) throw new Error(`Muster ended at its start:\n${output}`);
        const response = await fetch(`${url}/health/ready`).catch(() => null);
        return response?.ok ?? false;
      },
    );
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  }

  await start();
  const claim = () => /https?:\/\/\S+\/claim\?code=[\w-]+/.exec(output)?.[0];
  await waitUntil(
    5000,
    () => `No claim link in:\n${output}`,
    async () => claim() !== undefined,
  );
  return {
    url,
    claimUrl: claim() ?? "",
    kill: () => end("SIGKILL"),
    start,
    stop: async () => {
      // A killed server leaves its embedded database running: a regular start and stop takes it along.
      if (child?.signalCode === "SIGKILL") await start();
      await end("SIGTERM");
      await database?.drop();
      await folder.remove();
    },
  };
}

/** Asks again every 50 ms until the answer is yes; throws with `describe()` when the time is over. */
export async function waitUntil(limitMs: number, describe: () => string, ask: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + limitMs;
  for (;;) {
    if (await ask()) return;
    if (Date.now() > end) throw new Error(describe());
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
