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
  const openAi = request.url.startsWith("/v1/");
  // An unknown model is "not found" to OpenAI's clients: their error class follows from the status.
  const status = openAi && error.code === "model_unknown" ? 404 : error.status;
  reply.code(status).headers(apiHeaders).header("cache-control", "no-store");
  if (error.retryAfterSeconds !== undefined) reply.header("retry-after", String(error.retryAfterSeconds));
  if (error.code === "unauthorized") reply.header("www-authenticate", 'Bearer realm="muster"');
  // The rest of a body that was refused unread would be taken for the next request.
  if (error.status === 413 || error.status === 415) reply.header("connection", "close");
  if (openAi) {
    reply.type("application/json; charset=utf-8").send(JSON.stringify({ error: toOpenAiError(error) }));
    return;
  }
  reply.type("application/problem+json").send(JSON.stringify(problemOf(error, request.id)));
}

/** Our codes that OpenAI's clients know by another name. */
const openAiCodes: Record<string, string> = {
  model_unknown: "model_not_found",
  unauthorized: "invalid_api_key",
  context_too_long: "context_length_exceeded",
  rate_limited: "rate_limit_exceeded",
  rate_wait_exceeded: "rate_limit_exceeded",
};

/** The `error` member that OpenAI's clients expect; `param` is the first field that is wrong, where one is. */
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
  const reason = openAiCodes[String(error.extra.reason)] ?? openAiCodes[error.code] ?? error.code;
  return { message: error.message, type, param: paramOf(error), code: reason };
}

/** `messages[0].role`, as OpenAI names fields. */
function paramOf(error: AppError): string | null {
  if (error.code === "model_unknown") return "model";
  const [first] = (error.extra.errors ?? []) as { path?: string }[];
  if (first?.path === undefined) return error.extra.reason === "context_too_long" ? "messages" : null;
  return first.path.replace(/^(body|query|params)\.?/, "").replace(/\.(\d+)(?=\.|$)/g, "[$1]") || null;
}
