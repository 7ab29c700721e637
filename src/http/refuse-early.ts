import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { AppError } from "#contracts";
import type { HttpDependencies } from "./dependencies.ts";
import { toOpenAiError } from "./error-handler.ts";
import type { LoadShedder } from "./plugins/load-shedding.ts";
import { apiHeaders } from "./plugins/security-headers.ts";
import { problemOf } from "./problem.ts";
import type { AnyRoute } from "./route.ts";

/** The refusal of a process that has more to do than it can. */
export function overloadError(): AppError {
  return new AppError("unavailable", "Muster has more to do than it can. Try again in a moment.", {
    retryAfterSeconds: 1,
  });
}

const logEveryMs = 1_000;
/** Finding the route is what an overloaded process saves; so read labels whose values are too many, too. */
const unknownRoute = "other";
/** What an overloaded process must still take: they tell how it is. */
const always = /^\/api\/v1\/(performance|vitals)\b/;

/**
 * Refusals in one turn of the event loop. Who was refused comes back, hundreds at once; answered at once they would hold up
 * those who were let in at every turn that their work takes.
 */
const refusedPerTurn = 16;

interface Refused {
  response: ServerResponse;
  openAi: boolean;
}

/** Refuses a request if there is no room for it: true when it did. `route` is known where the address was routed before. */
export type EarlyRefusal = (
  request: IncomingMessage,
  response: ServerResponse,
  route: Pick<AnyRoute, "path"> | undefined,
) => boolean;

/**
 * Refuses requests of the API before the framework sees them, while the process is overloaded: an exception with its stack and a
 * log line for each would keep it so. One log line a second says how many there were; each is counted with its status.
 */
export function createEarlyRefusal(
  overloaded: LoadShedder["overloaded"],
  { logger, metrics }: Pick<HttpDependencies, "logger" | "metrics">,
): EarlyRefusal {
  const error = overloadError();
  const openAiBody = JSON.stringify({ error: toOpenAiError(error) });
  const waiting: Refused[] = [];
  let refused = 0;
  let loggedAt = Number.NEGATIVE_INFINITY;

  function note(): void {
    refused += 1;
    const now = performance.now();
    if (now - loggedAt < logEveryMs) return;
    logger.warn({ refused, code: error.code }, error.message);
    loggedAt = now;
    refused = 0;
  }

  return (request, response, route) => {
    const url = request.url as string;
    const openAi = url.startsWith("/v1/");
    if (!openAi && (!url.startsWith("/api/v1/") || always.test(url))) return false;
    if (!overloaded(openAi ? "long" : "short")) return false;
    note();
    const method = request.method as string;
    metrics.observeHttp({ method, route: route?.path ?? unknownRoute, status: error.status, durationMs: null });
    waiting.push({ response, openAi });
    if (waiting.length === 1) setImmediate(answerSome);
    return true;
  };

  function answerSome(): void {
    for (const one of waiting.splice(0, refusedPerTurn)) answer(one);
    if (waiting.length > 0) setImmediate(answerSome);
  }

  function answer({ response, openAi }: Refused): void {
    const body = openAi ? openAiBody : JSON.stringify(problemOf(error, randomUUID()));
    response.writeHead(error.status, {
      ...apiHeaders,
      "cache-control": "no-store",
      "retry-after": String(error.retryAfterSeconds),
      "content-type": openAi ? "application/json; charset=utf-8" : "application/problem+json",
      "content-length": Buffer.byteLength(body),
    });
    response.end(body);
  }
}
