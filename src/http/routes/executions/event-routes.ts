import { AppError, ExecutionEventsQuery, ExecutionParams } from "#contracts";
import { ownsExecution } from "#domain";
import { sseFrames } from "#events";
import { expectFound } from "../../expect-ok.ts";
import { type Authenticator, credentialOf } from "../../plugins/authenticate.ts";
import { type AnyRoute, defineRoute } from "../../route.ts";
import { openSse } from "../../sse.ts";

/** The live view of an execution. */
export function executionEventRoutes(authenticator: Authenticator): AnyRoute[] {
  return [
    defineRoute({
      method: "GET",
      path: "/api/v1/executions/:executionId/events",
      operationId: "streamExecutionEvents",
      tag: "executions",
      summary: "Events as they are stored; resumes after Last-Event-ID or ?after=, ends with the execution",
      policy: "user",
      params: ExecutionParams,
      query: ExecutionEventsQuery,
      answer: null,
      stream: "text/event-stream",
      handle: async ({ db, caller, params: { executionId }, query, deps, request, reply }) => {
        expectFound((await ownsExecution(db, caller, executionId)) || null, "execution");
        const after = lastEventId(request.headers["last-event-id"]) ?? query.after ?? 0;
        const stream = openSse(reply, { resumable: reply.server.resumableStreams });
        deps.metrics.sseClients(1);
        const unsubscribe = deps.events.subscribe(executionId, after, {
          onEvents: (events) => stream.write(sseFrames(events)),
          onEnd: () => stream.end(),
          onError: (error) => deps.logger.warn({ err: error, executionId }, "events could not be read; trying again"),
        });
        const credential = credentialOf(request);
        const unwatch = credential ? authenticator.watch(credential, () => stream.end()) : () => undefined;
        stream.onClose(() => {
          unsubscribe();
          unwatch();
          deps.metrics.sseClients(-1);
        });
        return undefined;
      },
    }),
  ];
}

/** The number a reconnecting client has seen last; undefined when it sent none. */
function lastEventId(header: string | string[] | undefined): number | undefined {
  if (header === undefined || header === "") return undefined;
  if (typeof header !== "string" || !/^\d{1,15}$/.test(header)) {
    throw new AppError("bad_request", "Last-Event-ID must be the id of an event of this stream.");
  }
  return Number(header);
}
