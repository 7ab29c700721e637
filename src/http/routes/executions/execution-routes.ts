import {
  AgentMessagePage,
  CreateExecutionBody,
  ExecutionAnswer,
  ExecutionListQuery,
  ExecutionPage,
  ExecutionParams,
  ExecutionStateAnswer,
  LlmCallListQuery,
  LlmCallPage,
  MessageListQuery,
  NANO_USD,
  TaskParams,
} from "#contracts";
import {
  acceptExecution,
  executionTag,
  listExecutions,
  listLlmCalls,
  listMessages,
  readExecution,
  sendHints,
} from "#domain";
import { expectFound, expectOk } from "../../expect-ok.ts";
import { type AnyRoute, defineRoute } from "../../route.ts";
import { executionChanges } from "./execution-changes.ts";

const tag = "executions";

/** Starting executions and reading them. */
export function executionRoutes(): AnyRoute[] {
  return [acceptRoute(), ...readRoutes()];
}

function acceptRoute(): AnyRoute {
  return defineRoute({
    method: "POST",
    path: "/api/v1/tasks/:taskId/executions",
    operationId: "createExecution",
    tag,
    summary: "Accepts an execution: from then on it survives any crash",
    policy: "user",
    params: TaskParams,
    body: CreateExecutionBody,
    status: 202,
    answer: ExecutionStateAnswer,
    changes: executionChanges,
    handle: async ({ db, caller, params, body, deps, afterCommit, request }) => {
      const accepted = expectOk(
        await acceptExecution(db, caller, {
          taskId: params.taskId,
          squadId: body.squadId,
          lane: body.deferred ? "economy" : undefined,
          budgetNanoUsd: body.budgetUsd === undefined ? undefined : Math.round(body.budgetUsd * NANO_USD),
          traceparent: deps.tracer?.traceparent() ?? traceparentOf(request.headers.traceparent),
        }),
      );
      afterCommit(() => sendHints(deps.hints, { ...accepted, wish: "run" }));
      return { execution: accepted.execution };
    },
  });
}

/** The client's trace context when it is well formed (W3C Trace Context, section 3.2). */
function traceparentOf(header: string | string[] | undefined): string | undefined {
  return typeof header === "string" && /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(header) ? header : undefined;
}

function readRoutes(): AnyRoute[] {
  return [
    defineRoute({
      method: "GET",
      path: "/api/v1/executions",
      operationId: "listExecutions",
      tag,
      summary: "Executions, newest first",
      policy: "user",
      query: ExecutionListQuery,
      answer: ExecutionPage,
      cache: { seconds: 60, areas: ["executions"] },
      handle: ({ db, caller, query }) => listExecutions(db, caller, query),
    }),
    defineRoute({
      method: "GET",
      path: "/api/v1/executions/:executionId",
      operationId: "readExecution",
      tag,
      summary: "An execution with its squad, steps, totals and what is being written now",
      policy: "user",
      params: ExecutionParams,
      answer: ExecutionAnswer,
      cache: {
        seconds: 300,
        areas: ["history"],
        tags: ({ executionId }: { executionId: string }) => [executionTag(executionId)],
      },
      handle: async ({ db, caller, params }) => ({
        execution: expectFound(await readExecution(db, caller, params.executionId), "execution"),
      }),
    }),
    defineRoute({
      method: "GET",
      path: "/api/v1/executions/:executionId/messages",
      operationId: "listMessages",
      tag,
      summary: "Messages of an execution, newest first",
      policy: "user",
      params: ExecutionParams,
      query: MessageListQuery,
      answer: AgentMessagePage,
      cache: {
        seconds: 300,
        areas: ["history"],
        tags: ({ executionId }: { executionId: string }) => [executionTag(executionId)],
      },
      handle: async ({ db, caller, params, query }) =>
        expectFound(await listMessages(db, caller, params.executionId, query), "execution"),
    }),
    defineRoute({
      method: "GET",
      path: "/api/v1/executions/:executionId/llm-calls",
      operationId: "listLlmCalls",
      tag,
      summary: "LLM calls of an execution: tokens, cost, cache, waits and times",
      policy: "user",
      params: ExecutionParams,
      query: LlmCallListQuery,
      answer: LlmCallPage,
      cache: {
        seconds: 300,
        areas: ["history"],
        tags: ({ executionId }: { executionId: string }) => [executionTag(executionId)],
      },
      handle: async ({ db, caller, params, query }) =>
        expectFound(await listLlmCalls(db, caller, params.executionId, query), "execution"),
    }),
  ];
}
