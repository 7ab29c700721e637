import { WorkspaceError } from "./workspace-error.ts";

const MAX_PATH_CHARACTERS = 1_024;
const MAX_NAME_BYTES = 200;
export const MAX_DEPTH = 16;

/** Temporary files of writes under way carry this prefix; they are never listed and cannot be named. */
export const TEMPORARY_PREFIX = ".muster-tmp-";

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are exactly what must be refused
const controlCharacters = /[\u0000-\u001f\u007f]/;

/**
 * Splits a path inside the workspace into its names. `.` parts are dropped; `..`, absolute paths, drive letters, backslashes and
 * control characters are refused, not repaired: a path that means something else than it says is never guessed at.
 */
export function parsePath(path: string): string[] {
  const refuse = (why: string): never => {
    throw new WorkspaceError("invalid_path", `The path ${JSON.stringify(path.slice(0, 120))} ${why}`);
  };
  if (path.length > MAX_PATH_CHARACTERS) refuse(`is longer than ${MAX_PATH_CHARACTERS} characters.`);
  if (controlCharacters.test(path)) refuse("contains control characters.");
  if (path.includes("\\")) refuse('contains a backslash. Put "/" between folders.');
  if (path.startsWith("/") || /^[a-zA-Z]:/.test(path)) {
    refuse("is absolute. Paths are relative to the workspace, for example report.md or notes/findings.md.");
  }
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  if (names.length > MAX_DEPTH) refuse(`has more than ${MAX_DEPTH} folders.`);
  for (const name of names) {
    if (name === "..") refuse("leaves its folder with ..; name the file from the workspace's top folder.");
    if (Buffer.byteLength(name) > MAX_NAME_BYTES) refuse(`has a name longer than ${MAX_NAME_BYTES} bytes.`);
    if (name.startsWith(TEMPORARY_PREFIX))
      refuse(`has a name that begins with ${TEMPORARY_PREFIX}, which is reserved.`);
  }
  return names;
}

/** Like `parsePath`, for a file: at least one name. */
export function parseFilePath(path: string): { folder: string[]; name: string; path: string } {
  const names = parsePath(path);
  const name = names.at(-1);
  if (name === undefined || path.endsWith("/")) {
    throw new WorkspaceError("invalid_path", `The path ${JSON.stringify(path)} names no file.`);
  }
  return { folder: names.slice(0, -1), name, path: names.join("/") };
}
