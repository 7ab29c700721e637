import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { AppError } from "#contracts";
import type { HttpDependencies } from "./dependencies.ts";
import type { AnyRoute } from "./route.ts";
import { type RouteParts, runRead, runStream } from "./run-read.ts";
import { runWrite } from "./run-write.ts";
import type { Check, Validation } from "./validation.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** The route's definition. A route without one has no policy, and Muster does not start with it. */
    muster?: AnyRoute;
  }
}

/** Puts the routes of the table into Fastify. */
export function registerRoutes(
  app: FastifyInstance,
  routes: readonly AnyRoute[],
  parts: RouteParts,
  validation: Validation,
): void {
  const { deps } = parts;
  for (const route of routes) {
    const handle = createHandler(route, parts, validation);
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

function createHandler(route: AnyRoute, parts: RouteParts, validation: Validation): Handle {
  const check = createChecks(route, validation);
  const run = route.stream !== undefined ? runStream : route.method === "GET" ? runRead : runWrite;
  return async (request, reply) => {
    check(request);
    await run({ ...parts, route, request, reply, caller: parts.admission.of(request)?.caller ?? null });
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
