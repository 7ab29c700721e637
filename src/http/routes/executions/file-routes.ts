import { Type } from "typebox";
import { ExecutionFileList, ExecutionFileQuery, ExecutionParams, Id, object } from "#contracts";
import { mediaTypeOf, ownsExecution } from "#domain";
import { expectFound } from "../../expect-ok.ts";
import { type AnyRoute, defineRoute } from "../../route.ts";
import { sendFile } from "../../send-file.ts";

const tag = "executions";
const FileParams = object({ executionId: Id, "*": Type.String({ minLength: 1, maxLength: 1_000 }) });

/** What a squad made. */
export function executionFileRoutes(): AnyRoute[] {
  return [
    defineRoute({
      method: "GET",
      path: "/api/v1/executions/:executionId/files",
      operationId: "listExecutionFiles",
      tag,
      summary: "Files in the execution's workspace",
      policy: "user",
      params: ExecutionParams,
      answer: ExecutionFileList,
      handle: async ({ db, caller, params, deps }) => {
        expectFound((await ownsExecution(db, caller, params.executionId)) || null, "execution");
        const files = await deps.workspaces.list(params.executionId).catch(noneYet);
        return {
          data: files.map(({ path, bytes, modifiedAt }) => ({ path, bytes, modifiedAt, mediaType: mediaTypeOf(path) })),
        };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/api/v1/executions/:executionId/files/*",
      operationId: "readExecutionFile",
      tag,
      summary: "A file of the workspace",
      policy: "user",
      params: FileParams,
      query: ExecutionFileQuery,
      answer: null,
      stream: "application/octet-stream",
      handle: async ({ db, caller, params, query, deps, request, reply }) => {
        expectFound((await ownsExecution(db, caller, params.executionId)) || null, "execution");
        const name = params["*"];
        const content = expectFound(await deps.workspaces.read(params.executionId, name), "file of this execution");
        sendFile(request, reply, { name, content, download: query.download === true });
        return undefined;
      },
    }),
  ];
}

/** An execution that has made no file yet has no workspace. */
function noneYet(error: unknown): [] {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
  throw error;
}
