import { readFile, stat } from "node:fs/promises";
import { basename } from "node:path";
import { type NewAttachment, sizeLimits } from "#contracts";
import { usageError } from "../exit.ts";
import { formatBytes } from "../format.ts";

/** A file with a NUL in its beginning is not text: the rule of the tools that members read with. */
const binaryProbeBytes = 8_000;

/**
 * Reads the files of `--file` for a task. @throws {CommandError} naming the file that is missing, is no file, may not be
 * read, is too large or no text, before anything is begun.
 */
export async function readFiles(paths: readonly string[]): Promise<NewAttachment[]> {
  if (paths.length > sizeLimits.attachmentsPerTask) {
    throw usageError(`a task takes at most ${sizeLimits.attachmentsPerTask} files; ${paths.length} were given`);
  }
  const names = paths.map((path) => basename(path));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw usageError(`two files are called "${twice}": rename one, the squad sees only names`);
  return Promise.all(paths.map(readOne));
}

async function readOne(path: string): Promise<NewAttachment> {
  try {
    const facts = await stat(path);
    if (!facts.isFile()) throw usageError(`${path} is not a file: name each file with --file of its own`);
    if (facts.size > sizeLimits.attachmentBytes) {
      const most = formatBytes(sizeLimits.attachmentBytes);
      throw usageError(`${path} has ${formatBytes(facts.size)}; a file may have ${most} at most: split or shorten it`);
    }
    const content = await readFile(path);
    if (content.subarray(0, binaryProbeBytes).includes(0)) {
      throw usageError(
        `${path} is not a text file: a squad reads text only, so convert it first (for example pdftotext)`,
      );
    }
    return { name: basename(path), contentBase64: content.toString("base64") };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") throw usageError(`there is no file ${path}`);
    if (code === "EACCES" || code === "EPERM") throw usageError(`${path} cannot be read: this user has no right to`);
    throw error;
  }
}
