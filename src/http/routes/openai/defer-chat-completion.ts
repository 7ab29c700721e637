import type { FastifyReply, FastifyRequest } from "fastify";
import { AppError, type DeferredCallAnswer } from "#contracts";
import { acceptDeferredCall, type Caller, readDeferredCall, replicaTag, type Store } from "#domain";
import type { HttpDependencies } from "../../dependencies.ts";
import { expectOk } from "../../expect-ok.ts";
import { apiHeaders } from "../../plugins/security-headers.ts";
import { answerOnce } from "./answer-once.ts";
import { callContext } from "./call-options.ts";
import type { ChatCompletionBody } from "./chat-schemas.ts";
import { toLlmRequest } from "./chat-wire.ts";
import { squadSlugOf } from "./run-squad.ts";

/** Whether the client lets the call wait for its provider's batch. */
export function isDeferred(request: FastifyRequest): boolean {
  return request.headers["x-muster-lane"] === "deferred";
}

/**
 * Accepts a chat completion for its provider's batch: 202 with an id once its row is committed. `x-muster-deadline-ms`
 * says when it is asked live; the answer is read with `GET /api/v1/deferred-calls/ID`.
 */
export async function deferChatCompletion(input: {
  db: Store;
  caller: Caller;
  body: ChatCompletionBody;
  request: FastifyRequest;
  reply: FastifyReply;
  deps: Pick<HttpDependencies, "cache">;
}): Promise<void> {
  const { db, caller, body, request, reply, deps } = input;
  if (body.stream === true) {
    throw new AppError(
      "validation_failed",
      "stream: a deferred call has no stream. Leave it out and read the answer by id.",
    );
  }
  if (squadSlugOf(body.model) !== null) {
    throw new AppError(
      "validation_failed",
      'model: a squad is deferred with {"deferred": true} in POST /api/v1/tasks/ID/executions.',
    );
  }
  const llmRequest = toLlmRequest(body);
  const { cache, deadlineMs } = callContext(caller, request, {
    cache: body.cache,
    stream: false,
    lane: "interactive",
    deferred: true,
  });
  const once = await answerOnce<{ id: string }>(db, caller, request);
  if (once.stored !== null) {
    const found = await readDeferredCall(db, caller, once.stored.id);
    if (found === null) throw new AppError("not_found", "The deferred call of this Idempotency-Key is gone.");
    reply.header("idempotency-replayed", "true");
    send(reply, { deferredCall: found.deferredCall, completion: null });
    return;
  }
  let accepted: Awaited<ReturnType<typeof acceptDeferredCall>> | null = null;
  try {
    // The call and its key are one commit: no crash leaves one without the other.
    accepted = await db.transaction(async (transaction) => {
      const outcome = await acceptDeferredCall(transaction, caller, {
        model: body.model,
        cache,
        request: llmRequest,
        deadlineMs,
      });
      if (outcome.outcome === "ok") await once.keep({ id: outcome.deferredCall.id }, transaction);
      return outcome;
    });
  } finally {
    if (accepted?.outcome !== "ok") await once.release();
  }
  // A replica may not have it yet: for a while it is not asked for what this caller reads.
  await deps.cache.invalidate([replicaTag(caller.userId)]);
  send(reply, { deferredCall: expectOk(accepted).deferredCall, completion: null });
}

function send(reply: FastifyReply, answer: DeferredCallAnswer): void {
  const { id } = answer.deferredCall;
  reply.code(202).headers({ ...apiHeaders, "cache-control": "no-store", location: `/api/v1/deferred-calls/${id}` });
  reply.type("application/json; charset=utf-8").send(JSON.stringify(answer));
}
