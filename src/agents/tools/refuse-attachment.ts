import { parsePath } from "../workspace/parse-path.ts";
import { WorkspaceError } from "../workspace/workspace-error.ts";

/** The user's own files are input: members read them, and what they make stands elsewhere. */
export function refuseAttachment(path: string): void {
  if (parsePath(path)[0] === "attachments") {
    throw new WorkspaceError("not_permitted", "Files in attachments/ are the user's input. Write to another path.");
  }
}
