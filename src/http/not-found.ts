import type { FastifyReply, FastifyRequest } from "fastify";
import { AppError } from "#contracts";
import type { HttpDependencies } from "./dependencies.ts";
import { sendProblem } from "./error-handler.ts";
import type { StaticUi } from "./plugins/static-ui.ts";
import type { AnyRoute } from "./route.ts";

/** Answers what no route takes: a page or file of the UI, 405 where another method would do, else 404. */
export function handleNotFound(
  parts: { deps: HttpDependencies; routes: readonly AnyRoute[]; ui: StaticUi | null },
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const { deps, routes, ui } = parts;
  const path = request.url.split("?", 1)[0] ?? "/";
  const methods = [...new Set(routes.filter((route) => matches(route.path, path)).map((route) => route.method))];
  if (methods.length > 0) {
    const allowed = [...methods, ...(methods.includes("GET") ? ["HEAD"] : [])].join(", ");
    reply.header("allow", allowed);
    sendProblem(deps, request, reply, new AppError("method_not_allowed", `Use one of ${allowed} here.`));
    return;
  }
  const isRead = request.method === "GET" || request.method === "HEAD";
  if (ui && isRead && !/^\/(api|v1)(\/|$)/.test(path)) {
    ui.send(request, reply, path);
    return;
  }
  sendProblem(
    deps,
    request,
    reply,
    new AppError("not_found", "There is nothing at this address. See /docs for those there are."),
  );
}

/** True when a path is of a route's pattern. */
function matches(pattern: string, path: string): boolean {
  const wanted = pattern.split("/");
  const given = path.split("/");
  const open = wanted.at(-1) === "*";
  if (open ? given.length < wanted.length : given.length !== wanted.length) return false;
  return wanted.every(
    (part, index) => part === "*" || (part.startsWith(":") ? given[index] !== "" : part === given[index]),
  );
}
