import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../../bin/muster.js", import.meta.url));

export interface Finished {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunningCommand {
  child: ChildProcessWithoutNullStreams;
  stdout(): string;
  stderr(): string;
  /** Resolves when standard output matches; rejects when the command ends before. */
  untilStdout(pattern: RegExp): Promise<RegExpMatchArray>;
  finished: Promise<Finished>;
}

/** Starts `muster` with these arguments, and of this process's environment only what a shell needs. */
export function startMusterCommand(args: readonly string[], env: Record<string, string>): RunningCommand {
  const child = spawn(process.execPath, [program, ...args], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    // Far from this folder's .env.
    cwd: "/",
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  const untilStdout = (pattern: RegExp) =>
    new Promise<RegExpMatchArray>((resolve, reject) => {
      const look = () => {
        const found = stdout.match(pattern);
        if (found) resolve(found);
      };
      child.stdout.on("data", look);
      void finished.then(() => reject(new Error(`ended without ${pattern}:\n${stdout}\n${stderr}`)), reject);
      look();
    });
  return { child, stdout: () => stdout, stderr: () => stderr, untilStdout, finished };
}

/** Runs `muster` to its end. */
export function musterCommand(args: readonly string[], env: Record<string, string>): Promise<Finished> {
  return startMusterCommand(args, env).finished;
}
