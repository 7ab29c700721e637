import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { AppError } from "#contracts";
import { areaTag, type Caller, type Store } from "#domain";
import type { Admission } from "./admission.ts";
import type { HttpDependencies } from "./dependencies.ts";
import { expectCaller } from "./expect-caller.ts";
import { idempotencyKeyOf, runIdempotently, type WriteResult } from "./plugins/idempotency.ts";
import { apiHeaders } from "./plugins/security-headers.ts";
import type { AnyRoute, Policy, RouteInput } from "./route.ts";
import { matchesEtag, prepareEncodings, sendJson, sendStored, toStoredAnswer } from "./send-answer.ts";
import type { Check, Validation } from "./validation.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** The route's definition. A route without one has no policy, and Muster does not start with it. */
    muster?: AnyRoute;
  }
}

type AnyInput = RouteInput<unknown, unknown, unknown, Policy>;

/** Puts the routes of the table into Fastify. */
export function registerRoutes(
  app: FastifyInstance,
  routes: readonly AnyRoute[],
  deps: HttpDependencies,
  admission: Admission,
  validation: Validation,
): void {
  for (const route of routes) {
    const handle = createHandler(route, deps, admission, validation);
    app.route({
      method: route.method,
      url: route.path,
      config: { muster: route },
      ...(route.bodyLimitBytes === undefined ? {} : { bodyLimit: route.bodyLimitBytes }),
      handler: (request, reply) =>
        deps.context.run({ requestId: request.id, route: route.path }, () =>
          traced(route, deps, request, reply, handle),
        ),
    });
  }
}

type Handle = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;

/** Handles a request inside a server span (OpenTelemetry's HTTP conventions) when traces go anywhere. */
function traced(
  route: AnyRoute,
  deps: HttpDependencies,
  request: FastifyRequest,
  reply: FastifyReply,
  handle: Handle,
): Promise<unknown> {
  if (!deps.tracer?.enabled || route.tag === "operations") return handle(request, reply);
  const { traceparent } = request.headers;
  const attributes = { "http.request.method": request.method, "http.route": route.path };
  const parent = typeof traceparent === "string" ? { parent: traceparent } : {};
  return deps.tracer.trace(
    `${request.method} ${route.path}`,
    { kind: "server", attributes, ...parent },
    async (span) => {
      const result = await handle(request, reply);
      span.set({ "http.response.status_code": reply.statusCode });
      return result;
    },
  );
}

function createHandler(route: AnyRoute, deps: HttpDependencies, admission: Admission, validation: Validation): Handle {
  const check = createChecks(route, validation);
  const isWrite = route.method !== "GET";
  return async (request, reply) => {
    check(request);
    const caller = admission.of(request)?.caller ?? null;
    if (route.stream !== undefined) return runStream(route, deps, request, reply, caller);
    if (isWrite) await runWrite(route, deps, request, reply, caller);
    else await runRead(route, deps, admission, request, reply, caller);
    return reply;
  };
}

function createChecks(route: AnyRoute, validation: Validation): (request: FastifyRequest) => void {
  const params = route.params && validation.text(route.params);
  const query: Check = route.query ? validation.text(route.query) : refuseAny;
  const body: Check = route.body ? validation.body(route.body) : refuseAny;
  return (request) => {
    params?.(request.params, "params");
    query(request.query, "query");
    // A body that is absent is an empty one: what must be in it is then missing by name.
    if (route.body && request.body === undefined) request.body = {};
    body(request.body, "body");
  };
}

const refuseAny: Check = (value, where) => {
  if (value === undefined || value === null) return;
  const field = typeof value === "object" ? Object.keys(value)[0] : "";
  if (field === undefined) return;
  const path = field === "" ? where : `${where}.${field}`;
  throw new AppError("validation_failed", `${path}: this route takes no ${where}. See /docs for the schema.`, {
    extra: { errors: [{ path, message: "is not a known field" }] },
  });
};

function inputOf(
  deps: HttpDependencies,
  request: FastifyRequest,
  reply: FastifyReply,
  caller: Caller | null,
  db: Store,
  afterCommit: (work: () => void) => void,
): AnyInput {
  const { params, query, body } = request;
  return { params, query, body, caller: caller as Caller, db, deps, request, reply, afterCommit };
}

function run(route: AnyRoute, input: AnyInput): Promise<unknown> {
  return (route.handle as (input: AnyInput) => Promise<unknown>)(input);
}

async function runRead(
  route: AnyRoute,
  deps: HttpDependencies,
  admission: Admission,
  request: FastifyRequest,
  reply: FastifyReply,
  caller: Caller | null,
): Promise<void> {
  const load = async () =>
    toStoredAnswer(
      await run(
        route,
        inputOf(deps, request, reply, caller, deps.db, (work) => work()),
      ),
    );
  const kept = route.cache !== undefined && caller !== null && deps.cache.usable();
  let answer: Awaited<ReturnType<typeof load>>;
  if (kept) {
    const { seconds, areas, tags } = route.cache as NonNullable<AnyRoute["cache"]>;
    const rule = {
      ttlMs: seconds * 1_000,
      tags: [
        ...areas.map((area) => areaTag(caller.userId, area)),
        ...((tags as ((params: unknown) => string[]) | undefined)?.(request.params) ?? []),
      ],
    };
    const got = await deps.cache.answers.get(admission.cacheKey(caller, request), rule, load);
    deps.metrics.observeCache("responses", got.result);
    answer = got.value;
  } else {
    answer = await load();
  }
  if (!matchesEtag(request.headers["if-none-match"], answer.etag)) {
    await prepareEncodings(request, answer, {
      kept,
      onError: (error) => deps.logger.warn({ err: error }, "an answer could not be compressed"),
    });
  }
  sendStored(request, reply, answer);
}

async function runWrite(
  route: AnyRoute,
  deps: HttpDependencies,
  request: FastifyRequest,
  reply: FastifyReply,
  caller: Caller | null,
): Promise<void> {
  const afterwards: (() => void)[] = [];
  const status = route.status ?? (route.answer === null ? 204 : 200);
  const write = async (db: Store): Promise<unknown> =>
    run(
      route,
      inputOf(deps, request, reply, caller, db, (work) => afterwards.push(work)),
    );
  const key = caller !== null && route.idempotency !== "none" ? idempotencyKeyOf(request) : null;
  const finish = async (): Promise<void> => {
    for (const work of afterwards) work();
    if (caller !== null && route.changes) {
      await deps.cache.invalidate(route.changes.map((area) => areaTag(caller.userId, area)));
    }
  };
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

async function runStream(
  route: AnyRoute,
  deps: HttpDependencies,
  request: FastifyRequest,
  reply: FastifyReply,
  caller: Caller | null,
): Promise<unknown> {
  await run(
    route,
    inputOf(deps, request, reply, caller, deps.db, (work) => work()),
  );
  return reply;
}
