import { spawn } from "node:child_process";
import { once } from "node:events";
import { buildWebOnce } from "./build-web-once.ts";

/* A process that builds the web UI unless another one does: FOLDER COMMAND ARGUMENTS… */
const [folder = "", command = "", ...rest] = process.argv.slice(2);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const built = await buildWebOnce(folder, {
  onBuild: () => say("Building the web UI (once, about a minute) …"),
  onWait: () => say("Another process builds the web UI; waiting for it …"),
  build: async () => {
    const build = spawn(command, rest, { stdio: ["ignore", "ignore", "inherit"] });
    const [code] = (await once(build, "exit")) as [number | null];
    return code === 0;
  },
});
process.exitCode = built ? 0 : 1;
