import type { FastifyReply, FastifyRequest } from "fastify";
import { areaTag, type Caller, type Store } from "#domain";
import type { Admission } from "./admission.ts";
import type { HttpDependencies } from "./dependencies.ts";
import type { ReadStores } from "./read-store.ts";
import { compact, type StoredAnswer } from "./response-cache.ts";
import type { AnyRoute, Policy, RouteInput } from "./route.ts";
import { matchesEtag, prepareEncodings, sendStored, toStoredAnswer } from "./send-answer.ts";

/** What handling a request takes, beside the request. */
export interface RouteParts {
  deps: HttpDependencies;
  admission: Admission;
  reads: ReadStores;
}

/** One request that was let in and checked. */
export interface Handling extends RouteParts {
  route: AnyRoute;
  request: FastifyRequest;
  reply: FastifyReply;
  caller: Caller | null;
}

export type AnyInput = RouteInput<unknown, unknown, unknown, Policy>;

/** What a write leaves to be done when it is committed. */
export type Afterwards = Pick<AnyInput, "afterCommit" | "touch">;

/** Of reads and streams: nothing is left to commit. */
const atOnce: Afterwards = { afterCommit: (work) => work(), touch: () => undefined };

/**
 * What is kept depends on the caller and the address alone, and may be loaded again when nobody is there: its handler gets
 * no request.
 */
const noRequest = { request: undefined, reply: undefined } as unknown as Pick<AnyInput, "request" | "reply">;

/** Loads of what is kept, without the request that asked first. */
function repeatableLoad({ route, deps, reads, request }: Handling, caller: Caller): () => Promise<unknown> {
  const { params, query } = request;
  const handle = route.handle as (input: AnyInput) => Promise<unknown>;
  return () =>
    handle({ params, query, body: undefined, caller, db: reads.for(caller.userId), deps, ...noRequest, ...atOnce });
}

/** Takes what another process loaded, if it is still true; else loads and leaves the answer to the others. */
function throughSecondLevel(
  deps: HttpDependencies,
  key: string,
  rule: { ttlMs: number; tags: readonly string[] },
  load: () => Promise<unknown>,
): () => Promise<StoredAnswer> {
  const level = deps.cache.secondLevel;
  if (!level) return async () => toStoredAnswer(await load());
  return async () => {
    // Also for what is loaded again (expired, renewed after a write): another process may have done it already.
    const found = deps.cache.usable() ? await level.read(key, rule.tags) : null;
    deps.metrics.observeCache("responses_redis", found ? "hit" : "miss");
    if (found) return { ...found, loadedElsewhere: true };
    const keep = level.willWrite(key, rule.tags, rule.ttlMs);
    const answer = toStoredAnswer(await load());
    keep(answer);
    return answer;
  };
}

/** When room is scarce, what is loaded is kept plain only until it is compressed. */
function keptCompact(
  { cache, logger }: HttpDependencies,
  key: string,
  load: () => Promise<StoredAnswer>,
): () => Promise<StoredAnswer> {
  const onError = (error: unknown): void => logger.warn({ err: error }, "an answer could not be compressed");
  return async () => {
    const answer = await load();
    if (cache.isRoomScarce()) compact(answer, () => cache.answers.resized(key, answer), onError);
    return answer;
  };
}

/** Calls a route's handler. */
export function callHandler(handling: Handling, db: Store, afterwards: Afterwards): Promise<unknown> {
  const { route, deps, request, reply } = handling;
  const { params, query, body } = request;
  // The policy saw to it that there is a caller where the handler's type says so.
  const caller = handling.caller as Caller;
  const input: AnyInput = { params, query, body, caller, db, deps, request, reply, ...afterwards };
  return (route.handle as (input: AnyInput) => Promise<unknown>)(input);
}

/** Answers a GET: from the cache, from a load under way, or by loading; 304 when the client has it. */
export async function runRead(handling: Handling): Promise<void> {
  const { route, deps, admission, reads, request, reply, caller } = handling;
  const { cache } = route;
  const kept = cache !== undefined && caller !== null && deps.cache.usable();
  let answer: StoredAnswer;
  let again = false;
  if (kept) {
    const own = (cache.tags as ((params: unknown) => string[]) | undefined)?.(request.params) ?? [];
    const tags = [...cache.areas.map((area) => areaTag(caller.userId, area)), ...own];
    const rule = { ttlMs: cache.seconds * 1_000, tags, repeatable: true };
    const key = admission.cacheKey(caller, request);
    const load = keptCompact(deps, key, throughSecondLevel(deps, key, rule, repeatableLoad(handling, caller)));
    const got = await deps.cache.answers.get(key, rule, load);
    const result = got.result === "miss" && got.value.loadedElsewhere ? "hit" : got.result;
    deps.metrics.observeCache("responses", result);
    answer = got.value;
    again = result !== "miss";
  } else {
    answer = toStoredAnswer(await callHandler(handling, reads.for(caller?.userId ?? null), atOnce));
  }
  if (!matchesEtag(request.headers["if-none-match"], answer.etag)) {
    answer = await prepareEncodings(request, answer, {
      kept,
      again,
      onError: (error) => deps.logger.warn({ err: error }, "an answer could not be compressed"),
    });
  }
  sendStored(request, reply, answer);
}

/** Lets a route send for itself. */
export async function runStream(handling: Handling): Promise<void> {
  await callHandler(handling, handling.deps.db, atOnce);
}
