import { randomUUID } from "node:crypto";
import { lstat, rename, unlink } from "node:fs/promises";
import { sizeLimits } from "#contracts";
import type { Workspace, WorkspaceEntry } from "./types.ts";
import { lineMatcher, matchingLines } from "./workspace/match-lines.ts";
import {
  type Anchoring,
  availableAnchoring,
  type Folder,
  folderExists,
  openFileIn,
  openFolder,
} from "./workspace/open-folder.ts";
import { parseFilePath, parsePath, TEMPORARY_PREFIX } from "./workspace/parse-path.ts";
import { openTemporary, walkFiles } from "./workspace/walk-files.ts";
import { asWorkspaceError, systemErrorCode, WorkspaceError } from "./workspace/workspace-error.ts";

const DEFAULT_READ_BYTES = 65_536;
const DEFAULT_MATCHES = 100;
const MAX_MATCHES = 500;
/** A file with a NUL in its beginning is not text (the rule of git and grep). */
const BINARY_PROBE_BYTES = 8_000;
/** The task's own files: larger ones are let in there than members may write. */
const ATTACHMENTS = "attachments";

interface Place {
  root: string;
  anchoring: Anchoring;
  /** Writes follow one another, so that two members neither pass the limits together nor lose each other's edit. */
  inTurn: <Result>(work: () => Promise<Result>) => Promise<Result>;
}

/**
 * Opens the workspace in the folder `root`, which its first write creates. No path leaves it: folders are entered one by one by
 * descriptor without following links (Linux), elsewhere by resolved path that is checked again after each open. Sizes are those of
 * `sizeLimits`. Rejects with `WorkspaceError`. Nothing stays open between calls.
 */
export function openWorkspace(root: string, options: { anchoring?: Anchoring } = {}): Workspace {
  const place: Place = { root, anchoring: options.anchoring ?? availableAnchoring(), inTurn: queue() };
  return {
    list: (folder = "") => translated(folder === "" ? "." : folder, () => list(place, folder)),
    read: (path, readOptions = {}) => translated(path, () => readText(place, path, readOptions)),
    readBytes: (path) => translated(path, () => readWhole(place, path)),
    search: (pattern, searchOptions = {}) =>
      translated(searchOptions.folder ?? ".", () => search(place, pattern, searchOptions)),
    write: (path, content) => translated(path, () => place.inTurn(() => write(place, path, content))),
    edit: (path, oldText, newText) => translated(path, () => place.inTurn(() => edit(place, path, oldText, newText))),
  };
}

async function translated<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw asWorkspaceError(error, path);
  }
}

function queue(): Place["inTurn"] {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(work, work);
    last = next;
    return next;
  };
}

async function list(place: Place, folder: string): Promise<WorkspaceEntry[]> {
  const from = parsePath(folder);
  if (!(await folderExists(place.root))) {
    if (from.length > 0) throw new WorkspaceError("not_found", `There is no "${folder}": the workspace is empty.`);
    return [];
  }
  return walkFiles({ anchoring: place.anchoring, root: place.root, from, maxFiles: sizeLimits.workspaceFiles });
}

async function inFolder<Result>(
  place: Place,
  names: string[],
  create: boolean,
  work: (folder: Folder) => Promise<Result>,
) {
  const folder = await openFolder(place.anchoring, place.root, names, { create });
  try {
    return await work(folder);
  } finally {
    await folder.close();
  }
}

/** Reads up to `maxBytes` from `offset`; `total` is the file's size. */
async function readSlice(place: Place, path: string, offset: number, maxBytes: number) {
  const target = parseFilePath(path);
  return inFolder(place, target.folder, false, async (folder) => {
    const { file, bytes: total } = await openFileIn(folder, target.name);
    try {
      const buffer = Buffer.alloc(Math.max(0, Math.min(maxBytes, total - offset)));
      let filled = 0;
      while (filled < buffer.length) {
        const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, offset + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return { bytes: buffer.subarray(0, filled), total };
    } finally {
      await file.close();
    }
  });
}

async function readWhole(place: Place, path: string): Promise<Buffer> {
  const { bytes, total } = await readSlice(place, path, 0, sizeLimits.attachmentBytes);
  if (total > bytes.length) throw tooLarge(path, total, sizeLimits.attachmentBytes);
  return bytes;
}

async function readText(place: Place, path: string, options: { offset?: number; maxBytes?: number }) {
  const offset = Math.max(0, Math.trunc(options.offset ?? 0));
  const maxBytes = Math.min(
    Math.max(1, Math.trunc(options.maxBytes ?? DEFAULT_READ_BYTES)),
    sizeLimits.attachmentBytes,
  );
  const { bytes, total } = await readSlice(place, path, offset, maxBytes);
  if (bytes.subarray(0, BINARY_PROBE_BYTES).includes(0)) {
    throw new WorkspaceError("not_text", `"${path}" is not a text file.`);
  }
  const truncated = offset + bytes.length < total;
  return { text: decode(bytes, offset > 0, truncated), bytes: total, truncated };
}

/** Decodes UTF-8, leaving out the halves of characters that were cut at the slice's ends. */
function decode(bytes: Buffer, cutAtStart: boolean, cutAtEnd: boolean): string {
  let start = 0;
  while (cutAtStart && start < Math.min(3, bytes.length) && isContinuation(bytes[start])) start += 1;
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(start), { stream: cutAtEnd });
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

async function search(place: Place, pattern: string, options: { folder?: string; maxMatches?: number }) {
  const matches = lineMatcher(pattern);
  const limit = Math.min(Math.max(1, Math.trunc(options.maxMatches ?? DEFAULT_MATCHES)), MAX_MATCHES);
  const found: { path: string; line: number; text: string }[] = [];
  for (const entry of await list(place, options.folder ?? "")) {
    if (found.length >= limit) break;
    if (entry.bytes > sizeLimits.attachmentBytes) continue;
    const text = await searchableText(place, entry.path);
    if (text === null) continue;
    for (const match of matchingLines(text, matches, limit - found.length)) found.push({ path: entry.path, ...match });
  }
  return found;
}

/** Null for files that are not text or went away since they were listed. */
async function searchableText(place: Place, path: string): Promise<string | null> {
  try {
    return (await readText(place, path, { maxBytes: sizeLimits.attachmentBytes })).text;
  } catch (error) {
    if (error instanceof WorkspaceError || systemErrorCode(error) === "ENOENT") return null;
    throw error;
  }
}

async function write(place: Place, path: string, content: string | Buffer) {
  const target = parseFilePath(path);
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  const limit = target.folder[0] === ATTACHMENTS ? sizeLimits.attachmentBytes : sizeLimits.fileBytes;
  if (bytes.length > limit) throw tooLarge(target.path, bytes.length, limit);
  await checkRoom(place, target.path, bytes.length);
  await inFolder(place, target.folder, true, (folder) => replaceFile(folder, target.name, bytes));
  return { path: target.path, bytes: bytes.length };
}

/** Refuses a write that would pass the workspace's limits; a file that is replaced gives its room back. */
async function checkRoom(place: Place, path: string, bytes: number): Promise<void> {
  let files = 1;
  let total = bytes;
  for (const entry of await list(place, "")) {
    if (entry.path === path) continue;
    files += 1;
    total += entry.bytes;
  }
  if (files > sizeLimits.workspaceFiles) {
    throw new WorkspaceError(
      "workspace_full",
      `The workspace holds ${sizeLimits.workspaceFiles} files already, which is the limit.`,
    );
  }
  if (total > sizeLimits.workspaceBytes) {
    throw new WorkspaceError(
      "workspace_full",
      `The workspace would grow beyond ${sizeLimits.workspaceBytes} bytes, which is the limit.`,
    );
  }
}

/**
 * Writes a temporary file beside the target and renames it over it: readers and crashes see the old file or the new one, never
 * a part. `rename` replaces a link itself and does not follow it, but a link is refused all the same, to say what happened.
 */
async function replaceFile(folder: Folder, name: string, bytes: Buffer): Promise<void> {
  await refuseUnlessFileOrAbsent(folder, name);
  const temporary = `${TEMPORARY_PREFIX}${randomUUID()}`;
  const file = await openTemporary(folder, temporary);
  try {
    try {
      await file.writeFile(bytes);
      // A journal that says "written" must not outlive the content in a power cut.
      await file.datasync();
      await folder.confirm(file, temporary);
    } finally {
      await file.close();
    }
    await rename(folder.at(temporary), folder.at(name));
  } catch (error) {
    await removeIfThere(folder.at(temporary));
    throw error;
  }
}

async function refuseUnlessFileOrAbsent(folder: Folder, name: string): Promise<void> {
  try {
    const facts = await lstat(folder.at(name));
    if (facts.isSymbolicLink()) {
      throw new WorkspaceError(
        "link_refused",
        `"${name}" is a link. Links are not followed here; write to another name.`,
      );
    }
    if (!facts.isFile())
      throw new WorkspaceError("not_a_file", `"${name}" is not an ordinary file; write to another name.`);
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT") throw error;
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT") throw error;
  }
}

async function edit(place: Place, path: string, oldText: string, newText: string) {
  if (oldText === "") {
    throw new WorkspaceError("no_match", "The text to replace is empty. To make a new file, write it.");
  }
  const current = await readText(place, path, { maxBytes: sizeLimits.fileBytes });
  if (current.truncated) throw tooLarge(path, current.bytes, sizeLimits.fileBytes);
  if (Buffer.byteLength(current.text) !== current.bytes) {
    throw new WorkspaceError("not_text", `"${path}" is not UTF-8 text, so an edit would damage it.`);
  }
  const first = current.text.indexOf(oldText);
  if (first < 0) {
    throw new WorkspaceError(
      "no_match",
      `The text to replace does not stand in "${path}". Read the file and copy the passage exactly, with its spaces and line breaks.`,
    );
  }
  if (current.text.indexOf(oldText, first + 1) >= 0) {
    throw new WorkspaceError(
      "several_matches",
      `The text to replace stands more than once in "${path}". Add the lines round it so that it is unique.`,
    );
  }
  return write(place, path, current.text.slice(0, first) + newText + current.text.slice(first + oldText.length));
}

function tooLarge(path: string, bytes: number, limit: number): WorkspaceError {
  return new WorkspaceError(
    "too_large",
    `"${path}" has ${bytes} bytes; the limit is ${limit}. Use several smaller files.`,
  );
}
