import type { FastifyReply, FastifyRequest } from "fastify";
import type { AppError } from "#contracts";
import type { HttpDependencies } from "./dependencies.ts";
import { apiHeaders } from "./plugins/security-headers.ts";
import { problemOf, toClientError } from "./problem.ts";

/** Turns whatever a route threw into a problem document, or into OpenAI's shape below /v1. */
export function createErrorHandler(
  deps: HttpDependencies,
): (error: unknown, request: FastifyRequest, reply: FastifyReply) => void {
  return (error, request, reply) => sendProblem(deps, request, reply, error);
}

/** Sends an error; those that are our fault are logged with their cause under the same instance. */
export function sendProblem(
  deps: Pick<HttpDependencies, "logger">,
  request: FastifyRequest,
  reply: FastifyReply,
  thrown: unknown,
): void {
  const error = toClientError(thrown);
  if (error.status >= 500) {
    const { method } = request;
    const route = request.routeOptions.url;
    deps.logger.error(
      { err: error.cause ?? error, code: error.code, requestId: request.id, method, route },
      error.message,
    );
  }
  if (reply.raw.headersSent) {
    reply.raw.destroy();
    return;
  }
  reply.code(error.status).headers(apiHeaders).header("cache-control", "no-store");
  if (error.retryAfterSeconds !== undefined) reply.header("retry-after", String(error.retryAfterSeconds));
  if (error.code === "unauthorized") reply.header("www-authenticate", 'Bearer realm="muster"');
  // The rest of a body that was refused unread would be taken for the next request.
  if (error.status === 413 || error.status === 415) reply.header("connection", "close");
  if (request.url.startsWith("/v1/")) {
    reply.type("application/json; charset=utf-8").send(JSON.stringify({ error: toOpenAiError(error) }));
    return;
  }
  reply.type("application/problem+json").send(JSON.stringify(problemOf(error, request.id)));
}

/** The `error` member that OpenAI's clients expect. */
export function toOpenAiError(error: AppError): { message: string; type: string; param: string | null; code: string } {
  const type =
    error.status === 401
      ? "authentication_error"
      : error.status === 403
        ? "permission_error"
        : error.status === 429
          ? "rate_limit_error"
          : error.status >= 500
            ? "server_error"
            : "invalid_request_error";
  const code = error.code === "model_unknown" ? "model_not_found" : error.code;
  return { message: error.message, type, param: null, code };
}
