import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Command, Failpoint, Report } from "./failpoints.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const preload = new URL("./preload.ts", import.meta.url).href;

export interface MusterOptions {
  role: "all" | "api" | "worker";
  databaseUrl: string;
  dataDir: string;
  providerUrl: string;
  logPath: string;
  port: number;
  environment?: Record<string, string>;
}

/** A real process of Muster. */
export interface MusterProcess {
  readonly pid: number;
  readonly role: MusterOptions["role"];
  /** Where it listens (or would, for a worker). */
  readonly url: string;
  readonly startedAtMs: number;
  /** True until it has ended. */
  alive(): boolean;
  /** Resolves when it answers (API) or runs (worker: the caller looks for its lease). */
  ready(): Promise<void>;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit code when the process is gone. */
  terminate(): Promise<number | null>;
  freeze(): void;
  thaw(): void;
  arm(failpoint: Failpoint): Promise<void>;
  block(forMs: number): void;
  /** Moves the process's wall clock this far from the true one. */
  moveClock(shiftMs: number): void;
  /** Resolves when a failure point was struck without killing the process. */
  struck(): Promise<Failpoint>;
  /** Resolves when the process has ended, whoever ended it. */
  readonly gone: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** True when the laboratory ended it (or armed a point that does). */
  expectedEnd: boolean;
}

const running = new Set<ChildProcess>();

/** Kills every process under test of this laboratory; for a run that is interrupted. */
export function killAllMusters(): void {
  for (const child of running) child.kill("SIGKILL");
}

function command(): string[] {
  const direct = fileURLToPath(new URL("./up.ts", import.meta.url));
  return process.env.CRASH_LAB_DIRECT === "1" ? [direct] : [`${root}bin/muster.js`, "up"];
}

/** Starts a Muster in a process of its own, with the laboratory's failure points loaded. */
export function startMusterProcess(options: MusterOptions): MusterProcess {
  const log = openSync(options.logPath, "a");
  const child: ChildProcess = spawn(process.execPath, ["--import", preload, ...command()], {
    cwd: root,
    stdio: ["ignore", log, log, "ipc"],
    env: {
      PATH: process.env.PATH ?? "/usr/bin:/bin",
      HOME: options.dataDir,
      // The program sets it itself, but later than the preloaded code is compiled.
      NODE_COMPILE_CACHE: `${root}node_modules/.cache/muster`,
      LOG_LEVEL: "info",
      MUSTER_ROLE: options.role,
      MUSTER_DATA_DIR: options.dataDir,
      DATABASE_URL: options.databaseUrl,
      DATABASE_POOL_MIN: "1",
      DATABASE_POOL_MAX: "6",
      PORT: String(options.port),
      OPENAI_API_KEY: "laboratory",
      OPENAI_BASE_URL: options.providerUrl,
      ...options.environment,
    },
  });
  closeSync(log);
  running.add(child);
  child.once("exit", () => running.delete(child));
  const gone = once(child, "exit").then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
  }));
  const struckWaiters: ((failpoint: Failpoint) => void)[] = [];
  const struck: Failpoint[] = [];
  child.on("message", (message: Report) => {
    const waiter = struckWaiters.shift();
    if (waiter) waiter(message.failpoint);
    else struck.push(message.failpoint);
  });
  child.on("error", () => undefined);
  const alive = () => child.exitCode === null && child.signalCode === null;
  const tell = (message: Command) =>
    new Promise<void>((resolve, reject) => child.send(message, (error) => (error ? reject(error) : resolve())));
  const url = `http://127.0.0.1:${options.port}`;
  const self: MusterProcess = {
    pid: child.pid ?? 0,
    role: options.role,
    url,
    startedAtMs: Date.now(),
    expectedEnd: false,
    alive,
    gone,
    async ready() {
      if (options.role === "worker") return;
      const deadline = Date.now() + 120_000;
      for (;;) {
        if (!alive()) throw new Error(`Muster ended before it was ready; see ${options.logPath}`);
        const ok = await fetch(`${url}/health/live`).then(
          (response) => response.ok,
          () => false, // Not listening yet.
        );
        if (ok) return;
        if (Date.now() > deadline) throw new Error(`Muster was not ready after 2 minutes; see ${options.logPath}`);
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    },
    async kill() {
      self.expectedEnd = true;
      if (alive()) child.kill("SIGKILL");
      await gone;
    },
    async terminate() {
      self.expectedEnd = true;
      if (alive()) child.kill("SIGTERM");
      return (await gone).code;
    },
    freeze: () => child.kill("SIGSTOP"),
    thaw: () => child.kill("SIGCONT"),
    arm(failpoint) {
      if (failpoint.action.startsWith("kill")) self.expectedEnd = true;
      return tell({ command: "arm", failpoint });
    },
    block(forMs) {
      void tell({ command: "block", forMs });
    },
    moveClock(shiftMs) {
      void tell({ command: "clock", shiftMs });
    },
    struck() {
      const first = struck.shift();
      return first ? Promise.resolve(first) : new Promise((resolve) => struckWaiters.push(resolve));
    },
  };
  return self;
}
