import { ApproveExecutionBody, ExecutionParams, ExecutionStateAnswer } from "#contracts";
import {
  approveExecution,
  type ControlOutcome,
  cancelExecution,
  executionTag,
  pauseExecution,
  resumeExecution,
  retryExecution,
  type Scope,
  type Store,
  sendHints,
} from "#domain";
import { expectOk } from "../../expect-ok.ts";
import { type AnyRoute, defineRoute, type RouteInput } from "../../route.ts";
import { executionChanges } from "./execution-changes.ts";

type Control = (db: Store, scope: Scope, executionId: string) => Promise<ControlOutcome>;

const controls: { action: string; summary: string; control: Control }[] = [
  {
    action: "cancel",
    summary: "Cancels: partial text is kept, what was used is billed",
    control: cancelExecution,
  },
  { action: "pause", summary: "Pauses: running calls end, none begins", control: pauseExecution },
  { action: "resume", summary: "Goes on with a paused execution", control: resumeExecution },
  { action: "retry", summary: "Goes on from the first unfinished step", control: retryExecution },
];

/** What a user can do with an execution; each is the same when done twice. */
export function executionControlRoutes(): AnyRoute[] {
  const simple = controls.map(({ action, summary, control }) =>
    defineRoute({
      method: "POST",
      path: `/api/v1/executions/:executionId/${action}`,
      operationId: `${action}Execution`,
      tag: "executions",
      summary,
      policy: "user",
      params: ExecutionParams,
      answer: ExecutionStateAnswer,
      changes: executionChanges,
      handle: async (input) => answer(input, await control(input.db, input.caller, input.params.executionId)),
    }),
  );
  return [
    ...simple,
    defineRoute({
      method: "POST",
      path: "/api/v1/executions/:executionId/approve",
      operationId: "approveExecution",
      tag: "executions",
      summary: "Approves or refuses the step that waits for it",
      policy: "user",
      params: ExecutionParams,
      body: ApproveExecutionBody,
      answer: ExecutionStateAnswer,
      changes: executionChanges,
      handle: async (input) => {
        const given = { stepId: input.body.stepId, approved: input.body.approved ?? true };
        return answer(input, await approveExecution(input.db, input.caller, input.params.executionId, given));
      },
    }),
  ];
}

function answer(
  { deps, afterCommit, touch }: Pick<RouteInput<unknown, unknown, unknown, "user">, "deps" | "afterCommit" | "touch">,
  outcome: ControlOutcome,
) {
  const done = expectOk(outcome);
  touch(executionTag(done.execution.id));
  afterCommit(() => sendHints(deps.hints, done));
  return { execution: done.execution };
}
