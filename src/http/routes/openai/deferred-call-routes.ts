import {
  DeferredCallAnswer,
  DeferredCallListQuery,
  DeferredCallPage,
  DeferredCallParams,
  type DeferredCompletion,
} from "#contracts";
import { cancelDeferredCall, type DeferredAnswer, listDeferredCalls, readDeferredCall } from "#domain";
import { expectFound, expectOk } from "../../expect-ok.ts";
import { type AnyRoute, defineRoute } from "../../route.ts";
import { toCompletion, toWireUsage } from "./chat-wire.ts";

const tag = "OpenAI-compatible";

/** Chat completions that were sent with `x-muster-lane: deferred`. */
export function deferredCallRoutes(): AnyRoute[] {
  return [
    defineRoute({
      method: "GET",
      path: "/api/v1/deferred-calls",
      operationId: "listDeferredCalls",
      tag,
      summary: "Deferred chat completions with state, batch and deadline, newest first",
      policy: "user",
      query: DeferredCallListQuery,
      answer: DeferredCallPage,
      handle: ({ db, caller, query }) => listDeferredCalls(db, caller, query),
    }),
    defineRoute({
      method: "GET",
      path: "/api/v1/deferred-calls/:deferredCallId",
      operationId: "readDeferredCall",
      tag,
      summary: "A deferred chat completion: its state and, once it has ended well, its answer in OpenAI's format",
      policy: "user",
      params: DeferredCallParams,
      answer: DeferredCallAnswer,
      handle: async ({ db, caller, params }) => {
        const { deferredCall, answer } = expectFound(
          await readDeferredCall(db, caller, params.deferredCallId),
          "deferred call",
        );
        return { deferredCall, completion: answer === null ? null : completionOf(deferredCall, answer) };
      },
    }),
    defineRoute({
      method: "POST",
      path: "/api/v1/deferred-calls/:deferredCallId/cancel",
      operationId: "cancelDeferredCall",
      tag,
      summary: "Cancels a deferred chat completion; what its batch has done of it by then is billed",
      policy: "user",
      params: DeferredCallParams,
      answer: DeferredCallAnswer,
      handle: async ({ db, caller, params }) => {
        const { deferredCall } = expectOk(await cancelDeferredCall(db, caller, params.deferredCallId));
        return { deferredCall, completion: null };
      },
    }),
  ];
}

function completionOf(
  { id, createdAt }: { id: string; createdAt: string },
  answer: DeferredAnswer,
): DeferredCompletion {
  const head = {
    id: `chatcmpl-${id.replaceAll("-", "")}`,
    created: Math.floor(Date.parse(createdAt) / 1_000),
    model: answer.model,
  };
  return toCompletion(head, answer, toWireUsage(answer.usage)) as DeferredCompletion;
}
