import { mkdir, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Database } from "#db";
import type { LoadedExecution } from "./load-execution.ts";

/** The folder of an execution's workspace. Ids are UUIDs, so the name is safe. */
export function workspaceFolder(workspacesDir: string, executionId: string): string {
  return join(workspacesDir, executionId);
}

/**
 * Makes the workspace with the task's attachments in `attachments/`; does nothing for those that are there already.
 * Rejects with the file system's error (ENOSPC and the like).
 */
export async function prepareWorkspace(
  db: Database,
  workspacesDir: string,
  execution: LoadedExecution,
): Promise<string> {
  const folder = workspaceFolder(workspacesDir, execution.id);
  if (execution.task.attachments.length === 0) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return folder;
  }
  const attachments = join(folder, "attachments");
  await mkdir(attachments, { recursive: true, mode: 0o700 });
  for (const { name, bytes } of execution.task.attachments) {
    const path = join(attachments, name);
    const present = await stat(path).catch((error: unknown) => {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
      throw error;
    });
    if (present?.size === bytes) continue;
    const { rows } = await db.query<{ content: Buffer }>(
      "attachment_content",
      "SELECT content FROM task_attachments WHERE task_id = $1 AND name = $2",
      [execution.task.id, name],
    );
    const content = rows[0]?.content;
    if (!content) continue;
    // Whole or not at all: a crash must not leave half an attachment that looks like one.
    const temporary = `${path}.${process.pid}.part`;
    await writeFile(temporary, content, { mode: 0o600 });
    await rename(temporary, path);
  }
  return folder;
}
