import type { IncomingMessage, ServerResponse } from "node:http";
import type { Caller } from "#domain";
import type { HttpDependencies } from "./dependencies.ts";
import { prepareBrotli } from "./response-cache.ts";
import type { AnyRoute } from "./route.ts";
import { isFormMissing, writeStored } from "./send-answer.ts";

/** The answers of reads that are kept, for callers who were let in. */
export interface KeptAnswers {
  /**
   * Sends the kept answer of this address; false when there is none that may be shown. `arrivedAt` is when the request came,
   * by `performance.now()`.
   */
  send(request: IncomingMessage, response: ServerResponse, route: AnyRoute, caller: Caller, arrivedAt: number): boolean;
}

/** The key of a caller's answer: nobody is shown what was made for someone else. */
export function keptAnswerKey(caller: Caller, url: string): string {
  return `${caller.userId} ${url}`;
}

export function createKeptAnswers(deps: Pick<HttpDependencies, "cache" | "metrics" | "logger">): KeptAnswers {
  const { cache, metrics, logger } = deps;
  const onError = (error: unknown): void => logger.warn({ err: error }, "an answer could not be compressed");
  return {
    send(request, response, route, caller, arrivedAt) {
      if (!cache.usable()) return false;
      const key = keptAnswerKey(caller, request.url as string);
      const answer = cache.answers.fresh(key);
      // The form that this client takes is made on the ordinary way, once.
      if (!answer || isFormMissing(request, answer)) return false;
      const status = writeStored(request, response, answer);
      if (!answer.br && request.headers["accept-encoding"]?.includes("br")) {
        prepareBrotli(answer, { onMade: () => cache.answers.resized(key, answer), onError });
      }
      cache.spareRoom(key, answer, true)?.catch(onError);
      metrics.observeCache("responses", "hit");
      metrics.observeHttp({ method: "GET", route: route.path, status, durationMs: performance.now() - arrivedAt });
      return true;
    },
  };
}
