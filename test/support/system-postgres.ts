import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, globSync, mkdirSync } from "node:fs";
import { temporaryFolder } from "./temporary-folder.ts";

export interface SystemPostgres {
  url: string;
  stop(): Promise<void>;
}

/** Folders of the PostgreSQL servers that Debian installed on this machine (15 and later), newest last. */
export function systemPostgresFolders(): string[] {
  return globSync("/usr/lib/postgresql/*/bin/postgres")
    .map((path) => path.slice(0, -"/postgres".length))
    .filter((folder) => Number(folder.split("/").at(-2)) >= 15)
    .sort();
}

function serverUser(): { uid: number; gid: number } | Record<string, never> {
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}

/** Starts a server of the system's own PostgreSQL on a Unix socket in a folder that goes away with it. */
export async function startSystemPostgres(folder: string): Promise<SystemPostgres> {
  const temporary = temporaryFolder();
  const user = serverUser();
  const place = `${temporary.path}/pg`;
  mkdirSync(place, { mode: 0o755 });
  if (user.uid !== undefined) chownSync(place, user.uid, user.gid);
  const data = `${place}/data`;
  const options = { ...user, cwd: "/", env: { LC_ALL: "C", PATH: "/usr/bin:/bin" } };
  execFileSync(
    `${folder}/initdb`,
    ["-D", data, "-U", "muster", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
    options,
  );
  const settings = ["-c", "listen_addresses=", "-c", `unix_socket_directories=${place}`, "-c", "fsync=off"];
  const server: ChildProcess = spawn(`${folder}/postgres`, ["-D", data, ...settings], {
    ...options,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const exited = once(server, "exit");
  let log = "";
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.once("exit", () => reject(new Error(`PostgreSQL ended:\n${log}`)));
    server.stderr?.on("data", (chunk: Buffer) => {
      log += chunk.toString();
      if (log.includes("ready to accept connections")) resolve();
    });
  });
  return {
    url: `postgres://muster@${encodeURIComponent(place)}:5432/postgres`,
    stop: async () => {
      server.kill("SIGINT");
      await exited;
      await temporary.remove();
    },
  };
}
