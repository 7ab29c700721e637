import type { FastifyReply, FastifyRequest } from "fastify";
import { areaTag, type Caller, type Store } from "#domain";
import type { Admission } from "./admission.ts";
import type { HttpDependencies } from "./dependencies.ts";
import type { ReadStores } from "./read-store.ts";
import type { FormsMade, StoredAnswer } from "./response-cache.ts";
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
  const { route, deps, reads, request, reply, caller } = handling;
  if (route.cache !== undefined && caller !== null && deps.cache.usable()) return await runKept(handling, caller);
  const answer = toStoredAnswer(await callHandler(handling, reads.for(caller?.userId ?? null), atOnce));
  const onError = packingFailed(deps);
  await send(request, reply, answer, { kept: false, again: false, onMade: () => undefined, onError });
}

async function runKept(handling: Handling, caller: Caller): Promise<void> {
  const { route, deps, admission, request, reply } = handling;
  const { cache } = deps;
  const { seconds, areas, tags: tagsOf } = route.cache as NonNullable<AnyRoute["cache"]>;
  const own = (tagsOf as ((params: unknown) => string[]) | undefined)?.(request.params) ?? [];
  const tags = [...areas.map((area) => areaTag(caller.userId, area)), ...own];
  const rule = { ttlMs: seconds * 1_000, tags, repeatable: true };
  const key = admission.cacheKey(caller, request);
  const load = throughSecondLevel(deps, key, rule, repeatableLoad(handling, caller));
  const got = await cache.answers.get(key, rule, load);
  const result = got.result === "miss" && got.value.loadedElsewhere ? "hit" : got.result;
  deps.metrics.observeCache("responses", result);
  const again = result !== "miss";
  const onError = packingFailed(deps);
  const onMade = () => cache.answers.resized(key, got.value);
  await send(request, reply, got.value, { kept: true, again, onMade, onError });
  cache.spareRoom(key, got.value, again)?.catch(onError);
}

const packingFailed =
  ({ logger }: HttpDependencies) =>
  (error: unknown): void =>
    logger.warn({ err: error }, "an answer could not be compressed");

async function send(
  request: FastifyRequest,
  reply: FastifyReply,
  answer: StoredAnswer,
  options: FormsMade & { kept: boolean; again: boolean },
): Promise<void> {
  const isKnown = matchesEtag(request.headers["if-none-match"], answer.etag);
  const prepared = isKnown ? answer : prepareEncodings(request, answer, options);
  sendStored(request, reply, prepared instanceof Promise ? await prepared : prepared);
}

/** Lets a route send for itself. */
export async function runStream(handling: Handling): Promise<void> {
  await callHandler(handling, handling.deps.db, atOnce);
}
