import { constants, type Dirent } from "node:fs";
import { lstat, open, readdir, unlink } from "node:fs/promises";
import type { WorkspaceEntry } from "../types.ts";
import { type Anchoring, type Folder, openFolder } from "./open-folder.ts";
import { MAX_DEPTH, TEMPORARY_PREFIX } from "./parse-path.ts";
import { systemErrorCode, WorkspaceError } from "./workspace-error.ts";

/** A write takes far less; what is older was left by a process that died. */
const STALE_TEMPORARY_MS = 600_000;

export interface WalkOptions {
  anchoring: Anchoring;
  root: string;
  /** Names of the folder to begin in. */
  from: readonly string[];
  maxFiles: number;
}

/** Lists the ordinary files below a folder, sorted by path. Links and special files are passed over, never followed. */
export async function walkFiles(options: WalkOptions): Promise<WorkspaceEntry[]> {
  const entries: WorkspaceEntry[] = [];
  await walk(options, [...options.from], entries);
  return entries.sort((left, right) => (left.path < right.path ? -1 : left.path > right.path ? 1 : 0));
}

async function walk(options: WalkOptions, names: string[], entries: WorkspaceEntry[]): Promise<void> {
  const folder = await openFolder(options.anchoring, options.root, names, { create: false });
  const below: string[] = [];
  try {
    for (const entry of await readdir(folder.path, { withFileTypes: true })) {
      if (entries.length >= options.maxFiles) return;
      if (entry.isDirectory()) below.push(entry.name);
      else await addFile(folder, names, entry, entries);
    }
  } finally {
    await folder.close();
  }
  if (names.length >= MAX_DEPTH) return;
  for (const name of below) await walkBelow(options, [...names, name], entries);
}

/** A folder that vanished or became a link since it was read is passed over. */
async function walkBelow(options: WalkOptions, names: string[], entries: WorkspaceEntry[]): Promise<void> {
  try {
    await walk(options, names, entries);
  } catch (error) {
    const gone = systemErrorCode(error) === "ENOENT";
    const replaced =
      error instanceof WorkspaceError && (error.code === "link_refused" || error.code === "not_a_folder");
    if (!gone && !replaced) throw error;
  }
}

async function addFile(folder: Folder, names: string[], entry: Dirent, entries: WorkspaceEntry[]): Promise<void> {
  if (!entry.isFile()) return;
  try {
    const facts = await lstat(folder.at(entry.name));
    if (!facts.isFile()) return;
    if (entry.name.startsWith(TEMPORARY_PREFIX)) {
      if (Date.now() - facts.mtimeMs > STALE_TEMPORARY_MS) await unlink(folder.at(entry.name));
      return;
    }
    entries.push({
      path: [...names, entry.name].join("/"),
      bytes: facts.size,
      modifiedAt: facts.mtime.toISOString(),
    });
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT") throw error;
  }
}

/** Makes a new file for a write under way, for the owner's eyes only. The caller closes and renames or removes it. */
export function openTemporary(folder: Folder, name: string) {
  const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | (constants.O_NOFOLLOW ?? 0);
  return open(folder.at(name), flags, 0o600);
}
