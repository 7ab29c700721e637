import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { benchFolder } from "./bench-folder.ts";
import type { ChildReady, ChildUsage } from "./muster-child.ts";
import { nodeFlags } from "./node-flags.ts";
import { cpuOfFamily, memoryOfFamily } from "./process-cost.ts";
import type { SeedSize } from "./seed-data.ts";

/** CPU so far in milliseconds. */
export interface Cost {
  nodeMs: number;
  postgresMs: number;
}

/** A Muster in a process of its own, on data of its own. */
export interface BenchMuster extends ChildReady {
  pid: number;
  dataDir: string;
  cost(): Promise<Cost>;
  /** Memory of all processes of it, in bytes. */
  memoryBytes(): number;
  /** Ends it without warning, as a crash would; its PostgreSQL stays until `endPostgres`, or until who took it over stops. */
  kill(): Promise<void>;
  /** Ends the PostgreSQL that a killed one left; nothing when it has ended already. */
  endPostgres(): Promise<void>;
  /** Stops it; its data goes unless `dataDir` was given. */
  stop(): Promise<void>;
}

export interface BenchMusterOptions {
  /** Variables of the environment beside the defaults of the bench (LOG_LEVEL warn, a free port). */
  env?: Record<string, string>;
  seed?: SeedSize | null;
  /** Kept afterwards. A fresh folder that goes away when absent. */
  dataDir?: string;
}

const script = fileURLToPath(new URL("./muster-child.ts", import.meta.url));

function answer<Message>(child: ChildProcess, type: string): Promise<Message> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: { type: string }) => {
      if (message.type !== type) return;
      child.off("message", onMessage);
      child.off("exit", onExit);
      resolve(message as Message);
    };
    const onExit = (code: number | null) => reject(new Error(`The bench's Muster ended with ${code}`));
    child.on("message", onMessage);
    child.once("exit", onExit);
  });
}

/** False when there is no such process (any more). */
function isSent(pid: number | null, signal: NodeJS.Signals | 0): boolean {
  try {
    return pid !== null && process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

/** Starts a Muster on a free port and waits until it answers (and is filled). Nothing is switched off for the bench. */
export async function startBenchMuster(options: BenchMusterOptions = {}): Promise<BenchMuster> {
  const dataDir = options.dataDir ?? benchFolder("bench");
  const child = fork(script, [], {
    execArgv: [...nodeFlags],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      PORT: "0",
      MUSTER_DATA_DIR: dataDir,
      LOG_LEVEL: "info",
      NODE_ENV: "production",
      BENCH_SEED: JSON.stringify(options.seed ?? null),
      ...options.env,
    },
  });
  const ready = await answer<ChildReady>(child, "ready");
  const ended = once(child, "exit");
  const clear = () => {
    if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
  };
  return {
    ...ready,
    pid: child.pid ?? 0,
    dataDir,
    async cost() {
      child.send({ type: "usage" });
      const { cpuMs } = await answer<ChildUsage>(child, "usage");
      return { nodeMs: cpuMs, postgresMs: ready.postgresPid === null ? 0 : cpuOfFamily(ready.postgresPid) };
    },
    memoryBytes: () =>
      memoryOfFamily(child.pid ?? 0) + (ready.postgresPid === null ? 0 : memoryOfFamily(ready.postgresPid)),
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
    async endPostgres() {
      const endsAt = Date.now() + 30_000;
      // SIGINT is PostgreSQL's fast shutdown.
      for (let signal: NodeJS.Signals | 0 = "SIGINT"; isSent(ready.postgresPid, signal); signal = 0) {
        if (Date.now() > endsAt) throw new Error(`PostgreSQL ${ready.postgresPid} does not end`);
        await delay(20);
      }
    },
    async stop() {
      if (child.connected) child.send({ type: "stop" });
      await ended;
      clear();
    },
  };
}
