import { constants, existsSync } from "node:fs";
import { type FileHandle, lstat, mkdir, open, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { systemErrorCode, WorkspaceError } from "./workspace-error.ts";

/**
 * A folder that is held open while something is done in it.
 *
 * Contract: `at(name)` addresses `name` in this very folder, whatever its path points at by now; `name` is one parsed name.
 */
export interface Folder {
  at(name: string): string;
  /** The folder itself, for reading its entries. */
  path: string;
  /** Throws when an opened file is not the one in this folder. Nothing to do where the kernel guarantees it. */
  confirm(file: FileHandle, name: string): Promise<void>;
  close(): Promise<void>;
}

/** How folders are held: by descriptor (Linux: no race is possible) or by resolved path, checked again after each open. */
export type Anchoring = "descriptor" | "path";

/** Descriptors need /proc: Node has no openat(2), but `/proc/self/fd/N/name` is resolved from the open folder N. */
export function availableAnchoring(): Anchoring {
  return process.platform === "linux" && existsSync("/proc/self/fd") ? "descriptor" : "path";
}

// Absent on Windows, where `lstat` and the check after opening stand in.
const NO_FOLLOW = constants.O_NOFOLLOW ?? 0;
const DIRECTORY = constants.O_DIRECTORY ?? 0;
const NON_BLOCK = constants.O_NONBLOCK ?? 0;

/** Opens the folder `names` below `root` step by step, never through a link. The caller closes it. */
export async function openFolder(
  anchoring: Anchoring,
  root: string,
  names: readonly string[],
  options: { create: boolean },
): Promise<Folder> {
  if (options.create) await mkdir(root, { recursive: true, mode: 0o700 });
  return anchoring === "descriptor"
    ? await openByDescriptor(root, names, options.create)
    : await openByPath(root, names, options.create);
}

async function openByDescriptor(root: string, names: readonly string[], create: boolean): Promise<Folder> {
  let handle = await open(root, constants.O_RDONLY | DIRECTORY);
  try {
    for (const name of names) {
      const next = await openChild(`/proc/self/fd/${handle.fd}/${name}`, name, create);
      await handle.close();
      handle = next;
    }
  } catch (error) {
    await handle.close();
    throw error;
  }
  const path = `/proc/self/fd/${handle.fd}`;
  return {
    at: (name) => `${path}/${name}`,
    path,
    confirm: async () => {},
    close: () => handle.close(),
  };
}

async function openChild(path: string, name: string, create: boolean): Promise<FileHandle> {
  if (create) await makeFolder(path);
  try {
    return await open(path, constants.O_RDONLY | DIRECTORY | NO_FOLLOW);
  } catch (error) {
    // With O_DIRECTORY a link is reported as "not a directory": say which of the two it is.
    if (systemErrorCode(error) === "ENOTDIR" && (await lstat(path)).isSymbolicLink()) throw linkRefused(name, error);
    throw error;
  }
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (systemErrorCode(error) !== "EEXIST") throw error;
  }
}

async function openByPath(root: string, names: readonly string[], create: boolean): Promise<Folder> {
  const realRoot = await realpath(root);
  let path = realRoot;
  for (const name of names) {
    path = join(path, name);
    if (create) await makeFolder(path);
    const facts = await lstat(path);
    if (facts.isSymbolicLink()) throw linkRefused(name);
    if (!facts.isDirectory()) throw new WorkspaceError("not_a_folder", `"${name}" is not a folder.`);
  }
  const stillThere = async () => {
    if ((await realpath(path)) !== path) throw linkRefused(names.join("/"));
  };
  await stillThere();
  return {
    at: (name) => join(path, name),
    path,
    confirm: async (file, name) => {
      await stillThere();
      const [opened, named] = [await file.stat(), await lstat(join(path, name))];
      if (named.isSymbolicLink() || opened.ino !== named.ino || opened.dev !== named.dev) throw linkRefused(name);
    },
    close: async () => {},
  };
}

function linkRefused(name: string, cause?: unknown): WorkspaceError {
  return new WorkspaceError("link_refused", `"${name}" is a link. Links are not followed here.`, { cause });
}

/** Opens an ordinary file of the folder for reading; refuses links, hard links, pipes and devices. The caller closes it. */
export async function openFileIn(folder: Folder, name: string): Promise<{ file: FileHandle; bytes: number }> {
  const file = await open(folder.at(name), constants.O_RDONLY | NO_FOLLOW | NON_BLOCK);
  try {
    const facts = await file.stat();
    if (facts.isDirectory()) throw new WorkspaceError("not_a_file", `"${name}" is a folder. Name a file.`);
    if (!facts.isFile()) throw new WorkspaceError("not_a_file", `"${name}" is not an ordinary file.`);
    // A second name of the file may stand outside the workspace.
    if (facts.nlink > 1) throw linkRefused(name);
    await folder.confirm(file, name);
    return { file, bytes: facts.size };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** True when the folder exists at all; a workspace is made by its first write. */
export async function folderExists(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return false;
    throw error;
  }
}
