import {
  ExecutionParams,
  FileVersionAnswer,
  FileVersionList,
  FileVersionQuery,
  ToolCallAnswer,
  ToolCallListQuery,
  ToolCallPage,
  ToolCallParams,
} from "#contracts";
import { executionTag, listFileVersions, listToolCalls, readFileVersion, readToolCall } from "#domain";
import { expectFound } from "../../expect-ok.ts";
import { type AnyRoute, defineRoute } from "../../route.ts";

const tag = "executions";

/** What members did with their tools, and what that made of each file. */
export function toolCallRoutes(): AnyRoute[] {
  return [...callRoutes(), ...fileVersionRoutes()];
}

function callRoutes(): AnyRoute[] {
  return [
    defineRoute({
      method: "GET",
      path: "/api/v1/executions/:executionId/tool-calls",
      operationId: "listToolCalls",
      tag,
      summary: "Tool calls of an execution as they were begun, arguments and results cut",
      policy: "user",
      params: ExecutionParams,
      query: ToolCallListQuery,
      answer: ToolCallPage,
      cache: {
        seconds: 60,
        areas: ["executions"],
        tags: ({ executionId }: { executionId: string }) => [executionTag(executionId)],
      },
      handle: async ({ db, caller, params, query }) =>
        expectFound(await listToolCalls(db, caller, params.executionId, query), "execution"),
    }),
    defineRoute({
      method: "GET",
      path: "/api/v1/executions/:executionId/tool-calls/:toolCallId",
      operationId: "readToolCall",
      tag,
      summary: "A tool call with all of its arguments and result",
      policy: "user",
      params: ToolCallParams,
      answer: ToolCallAnswer,
      handle: async ({ db, caller, params }) => ({
        toolCall: expectFound(await readToolCall(db, caller, params.executionId, params.toolCallId), "tool call"),
      }),
    }),
  ];
}

function fileVersionRoutes(): AnyRoute[] {
  return [
    defineRoute({
      method: "GET",
      path: "/api/v1/executions/:executionId/file-versions",
      operationId: "listFileVersions",
      tag,
      summary: "The states of a file, newest first, as long as the journal is whole",
      policy: "user",
      params: ExecutionParams,
      query: FileVersionQuery,
      answer: FileVersionList,
      handle: async ({ db, caller, params, query }) => ({
        data: expectFound(await listFileVersions(db, caller, params.executionId, query.path), "execution"),
      }),
    }),
    defineRoute({
      method: "GET",
      path: "/api/v1/executions/:executionId/file-versions/:toolCallId",
      operationId: "readFileVersion",
      tag,
      summary: "One state of a file beside the one before",
      policy: "user",
      params: ToolCallParams,
      answer: FileVersionAnswer,
      handle: async ({ db, caller, params }) =>
        expectFound(await readFileVersion(db, caller, params.executionId, params.toolCallId), "version of a file"),
    }),
  ];
}
