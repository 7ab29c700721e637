import type { FastifyReply } from "fastify";
import { areaTag, replicaTag, type Store } from "#domain";
import { expectCaller } from "./expect-caller.ts";
import { idempotencyKeyOf, runIdempotently, type WriteResult } from "./plugins/idempotency.ts";
import { apiHeaders } from "./plugins/security-headers.ts";
import { callHandler, type Handling } from "./run-read.ts";
import { sendJson } from "./send-answer.ts";

/**
 * Answers a write. In this order: commit; kept answers that it made old are dropped in every process; what else follows
 * from it (hints to workers); the answer. So nobody who knows of the write can read behind it.
 */
export async function runWrite(handling: Handling): Promise<void> {
  const { route, deps, request, reply, caller } = handling;
  const works: (() => void)[] = [];
  const tags = tagsOf(handling);
  const status = route.status ?? (route.answer === null ? 204 : 200);
  const write = (db: Store): Promise<unknown> =>
    callHandler(handling, db, {
      afterCommit: (work) => works.push(work),
      touch: (...more) => tags.push(...more),
    });
  const finish = async (): Promise<void> => {
    await deps.cache.invalidate(tags);
    for (const work of works) work();
  };
  try {
    const key = caller !== null && route.idempotency !== "none" ? idempotencyKeyOf(request) : null;
    if (key === null) {
      const value = await write(deps.db);
      await finish();
      if (route.answer === null) sendNothing(reply, status);
      else await sendJson(request, reply, status, value);
      return;
    }
    const result = await runIdempotently({
      db: deps.db,
      scope: expectCaller(caller),
      key,
      request,
      ...(route.secretAnswer ? { box: deps.secretBox } : {}),
      write: async (db) => {
        const value = await write(db);
        return { status, body: route.answer === null ? null : JSON.stringify(value) };
      },
    });
    if (!result.replayed) await finish();
    sendResult(reply, result);
  } catch (error) {
    // A commit whose answer was lost may have been applied.
    await deps.cache.invalidate(tags);
    throw error;
  }
}

/** What the route says it changes; of one that changes no kept answer, that its caller may not read from a replica for a while. */
function tagsOf({ route, caller }: Handling): string[] {
  if (caller === null || route.waitsForProvider) return [];
  if (!route.changes?.length) return [replicaTag(caller.userId)];
  return route.changes.map((area) => areaTag(caller.userId, area));
}

function sendNothing(reply: FastifyReply, status: number): void {
  reply.code(status).headers(apiHeaders).header("cache-control", "no-store").send();
}

function sendResult(reply: FastifyReply, result: WriteResult): void {
  if (result.replayed) reply.header("idempotency-replayed", "true");
  if (result.body === null) {
    sendNothing(reply, result.status);
    return;
  }
  reply
    .code(result.status)
    .headers(apiHeaders)
    .header("cache-control", "no-store")
    .type(result.contentType)
    .send(Buffer.from(result.body));
}
