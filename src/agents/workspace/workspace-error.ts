export type WorkspaceErrorCode =
  | "invalid_path"
  | "invalid_pattern"
  | "not_found"
  | "not_a_file"
  | "not_a_folder"
  | "link_refused"
  | "not_text"
  | "too_large"
  | "workspace_full"
  | "storage_full"
  | "not_permitted"
  | "no_match"
  | "several_matches";

/** An expected refusal of the workspace. `message` is a sentence that a model can act on; it never names a path of the machine. */
export class WorkspaceError extends Error {
  readonly code: WorkspaceErrorCode;

  constructor(code: WorkspaceErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "WorkspaceError";
    this.code = code;
  }
}

/** The `code` of a failed system call (ENOENT, …), or undefined for anything else that was thrown. */
export function systemErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** Translates what the file system refuses into a sentence about `path`; faults that nobody expects stay as they are. */
export function asWorkspaceError(error: unknown, path: string): unknown {
  if (error instanceof WorkspaceError) return error;
  const options = { cause: error };
  switch (systemErrorCode(error)) {
    case "ENOENT":
      return new WorkspaceError("not_found", `There is no "${path}". Use list_files to see what there is.`, options);
    case "ENOTDIR":
      return new WorkspaceError("not_a_folder", `A part of "${path}" is not a folder.`, options);
    case "EISDIR":
    case "ENOTEMPTY":
      return new WorkspaceError("not_a_file", `"${path}" is a folder. Name a file.`, options);
    case "ELOOP":
    case "EMLINK":
      return new WorkspaceError("link_refused", `"${path}" is a link. Links are not followed here.`, options);
    case "ENXIO":
      return new WorkspaceError("not_a_file", `"${path}" is not an ordinary file.`, options);
    case "ENAMETOOLONG":
    case "EINVAL":
      return new WorkspaceError(
        "invalid_path",
        `"${path}" is not a usable name here. Use a shorter, simpler one.`,
        options,
      );
    case "ENOSPC":
    case "EDQUOT":
      return new WorkspaceError(
        "storage_full",
        `The disk is full, so "${path}" was not written and is as it was before. Somebody must free space first.`,
        options,
      );
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new WorkspaceError("not_permitted", `The system does not permit this on "${path}".`, options);
    default:
      return error;
  }
}
