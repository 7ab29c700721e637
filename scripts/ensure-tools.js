// Brings the programs that the tests run against and that npm does not carry: a real Redis and a real Chromium.
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

const tools = [
  { names: ["redis-server"], debian: "redis-server", what: "Redis" },
  {
    names: ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"],
    debian: "chromium",
    what: "Chromium",
    variable: "CHROME_PATH",
  },
];

function isRunnable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // Not there or not ours to run: the same to us.
  }
}

function onPath(name) {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => folder !== "" && isRunnable(join(folder, name)));
}

function isThere({ names, variable }) {
  return names.some(onPath) || (variable !== undefined && isRunnable(process.env[variable] ?? ""));
}

/** The words before `apt-get`, or null when this user may not install. */
function privilege() {
  if (!onPath("apt-get")) return null;
  if (process.getuid?.() === 0) return [];
  return spawnSync("sudo", ["-n", "true"], { stdio: "ignore" }).status === 0 ? ["sudo", "-n"] : null;
}

/** Installs what is missing, or says in one line what to install. True when all is there. */
export function ensureTools() {
  const missing = tools.filter((tool) => !isThere(tool));
  if (missing.length === 0) return true;
  const packages = missing.map(({ debian }) => debian);
  const prefix = privilege();
  if (prefix !== null) {
    console.log(`installing ${packages.join(", ")} …`);
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const apt = (...args) => {
      const [command, ...rest] = [...prefix, "apt-get", ...args];
      return spawnSync(command, rest, { stdio: ["ignore", "ignore", "inherit"], env }).status === 0;
    };
    apt("update", "-qq");
    apt("install", "-y", "-qq", "--no-install-recommends", ...packages);
  }
  const still = missing.filter((tool) => !isThere(tool));
  if (still.length === 0) return true;
  const list = still.map(({ what }) => what).join(" and ");
  console.error(
    `The tests need ${list}: install with "apt-get install ${still.map((t) => t.debian).join(" ")}" (Debian, as root) or your system's package manager.`,
  );
  return false;
}
