import { stat } from "node:fs/promises";
import { openWorkspace, WorkspaceError } from "#agents";
import { workspaceFolder } from "#worker";

/** Reads the files that executions made, each workspace by itself; what agents may not reach, readers may not either. */
export function createWorkspaceReader(workspacesDir: string) {
  return {
    async list(executionId: string): Promise<{ path: string; bytes: number; modifiedAt: string }[]> {
      const folder = workspaceFolder(workspacesDir, executionId);
      // Says ENOENT when the execution has made nothing yet; opening would make the folder.
      await stat(folder);
      return (await openWorkspace(folder)).list();
    },
    async read(executionId: string, path: string): Promise<Buffer | null> {
      const folder = workspaceFolder(workspacesDir, executionId);
      try {
        await stat(folder);
        return await (await openWorkspace(folder)).readBytes(path);
      } catch (error) {
        if (error instanceof WorkspaceError) return null;
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
        throw error;
      }
    },
  };
}
