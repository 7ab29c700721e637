import { constants, existsSync, readFileSync, statSync } from "node:fs";
import { access, statfs } from "node:fs/promises";
import { availableParallelism, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Config } from "#config";
import { formatBytes } from "../format.ts";
import { type Finding, findingsOf } from "./finding.ts";

const mebibyte = 1_048_576;
const freeBytesWarning = 2_048 * mebibyte;
const freeBytesProblem = 256 * mebibyte;
const memoryBytesWarning = 900 * mebibyte;

/** Node, memory, the built UI. */
export function checkMachine(config: Config): Finding[] {
  const { found, add } = findingsOf("machine");
  const { node } = process.versions;
  if (Number(node.split(".")[0]) >= 24) add("ok", `Node ${node} on ${process.platform}-${process.arch}`);
  else
    add(
      "warning",
      `Node ${node} works; 24 is what is tested`,
      "install Node 24, or run npm ci, which brings it on Linux x64",
    );
  const memoryBytes = process.constrainedMemory() || totalmem();
  const memory = `${formatBytes(Math.min(memoryBytes, totalmem()))} of memory, ${availableParallelism()} cores`;
  if (memoryBytes < memoryBytesWarning) {
    add("warning", memory, "give it 1 GB or more: PostgreSQL, Node and the models' streams share it");
  } else add("ok", memory);
  if (config.role !== "worker") {
    if (existsSync(fileURLToPath(new URL("../../../web/out/index.html", import.meta.url))))
      add("ok", "the web UI is built");
    else
      add(
        "info",
        "the web UI is not built: the API works, pages do not",
        "npm run build (npm start does it by itself)",
      );
  }
  return found;
}

function nearestExisting(path: string): string {
  let folder = path;
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

/** The data folder: rights, room, key. */
export async function checkData(config: Config): Promise<Finding[]> {
  const { found, add } = findingsOf("data");
  const { dataDir } = config;
  const folder = nearestExisting(dataDir);
  try {
    await access(folder, constants.W_OK | constants.X_OK);
    add("ok", folder === dataDir ? `data folder ${dataDir}` : `data folder ${dataDir}: the first start makes it`);
  } catch {
    add("problem", `${folder} cannot be written`, "give this user the right, or set MUSTER_DATA_DIR to another folder");
  }
  if (folder === dataDir && (statSync(dataDir).mode & 0o022) !== 0) {
    add("warning", `${dataDir} can be changed by other users of this machine`, `chmod go-w ${dataDir}`);
  }
  await checkRoom(dataDir, folder, add);
  checkKey(config, add);
  return found;
}

type Add = ReturnType<typeof findingsOf>["add"];

async function checkRoom(dataDir: string, folder: string, add: Add): Promise<void> {
  const note = join(dataDir, "postgres-location");
  const cluster = existsSync(note) ? readFileSync(note, "utf8").trim() : null;
  if (cluster !== null) add("info", `PostgreSQL keeps its files in ${cluster}, which its unprivileged user can reach`);
  for (const place of new Set([folder, ...(cluster === null ? [] : [nearestExisting(cluster)])])) {
    const { bavail, bsize } = await statfs(place);
    const free = `${formatBytes(bavail * bsize)} free at ${place}`;
    if (bavail * bsize < freeBytesProblem) add("problem", free, "make room: at 0 every write fails with storage_full");
    else if (bavail * bsize < freeBytesWarning) add("warning", free, "make room, or move MUSTER_DATA_DIR");
    else add("ok", free);
  }
}

function checkKey(config: Config, add: Add): void {
  const path = join(config.dataDir, "secret.key");
  if (config.secretKey !== null) {
    add("ok", "MUSTER_SECRET_KEY encrypts the provider keys; keep it with your backups");
    return;
  }
  if (!existsSync(path)) add("info", `no key file yet: the first start makes ${path}`);
  else if ((statSync(path).mode & 0o077) !== 0) {
    add("problem", `${path} can be read by other users of this machine`, `chmod 600 ${path}`);
  } else if (Buffer.from(readFileSync(path, "utf8").trim(), "base64").length !== 32) {
    add("problem", `${path} is damaged`, "restore it from a backup, or delete it and store the provider keys again");
  } else add("ok", `${path} encrypts the provider keys; muster backup takes it along`);
  if (config.database.url !== null && config.role !== "all") {
    add(
      "warning",
      "API and workers run apart, each with a key file of its own folder",
      "set the same MUSTER_SECRET_KEY for all processes, or share MUSTER_DATA_DIR",
    );
  }
}

const loopback = /^(localhost|127(\.\d+){3}|\[?::1\]?)$/;

/** What the network may reach. */
export function checkNetwork(config: Config): Finding[] {
  const { found, add } = findingsOf("network");
  if (config.role === "worker") add("ok", "a worker has no address of its own");
  else if (loopback.test(config.host)) add("ok", `listens on ${config.host}:${config.port}, for this machine only`);
  else {
    add(
      "warning",
      `listens on ${config.host}:${config.port}, for the network, without TLS of its own`,
      "put a proxy with TLS in front of it (deploy/nginx/nginx.conf), let nobody else reach the port, keep /metrics inside",
    );
  }
  return found;
}
