import { ApproveExecutionBody, ExecutionParams, ExecutionStateAnswer } from "#contracts";
import {
  approveExecution,
  type Caller,
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
import type { HttpDependencies } from "../../dependencies.ts";
import { expectOk } from "../../expect-ok.ts";
import { type AnyRoute, defineRoute } from "../../route.ts";
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
      handle: async ({ db, caller, params, deps, afterCommit }) =>
        answer(deps, caller, await control(db, caller, params.executionId), afterCommit),
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
      handle: async ({ db, caller, params, body, deps, afterCommit }) => {
        const given = { stepId: body.stepId, approved: body.approved ?? true };
        return answer(deps, caller, await approveExecution(db, caller, params.executionId, given), afterCommit);
      },
    }),
  ];
}

function answer(
  deps: HttpDependencies,
  _caller: Caller,
  outcome: ControlOutcome,
  afterCommit: (work: () => void) => void,
) {
  const done = expectOk(outcome);
  afterCommit(() => {
    deps.cache.answers.invalidate([executionTag(done.execution.id)]);
    sendHints(deps.hints, done);
  });
  return { execution: done.execution };
}
