import { PurgeLlmCacheAnswer, PurgeLlmCacheQuery } from "#contracts";
import { type AnyRoute, defineRoute } from "../../route.ts";

/** The cache of models' answers. */
export function llmCacheRoutes(): AnyRoute[] {
  return [
    defineRoute({
      method: "DELETE",
      path: "/api/v1/llm-cache",
      operationId: "purgeLlmCache",
      tag: "usage",
      summary: "Forgets the caller's cached answers: of a squad, of a model, or all",
      policy: "user",
      idempotency: "none",
      query: PurgeLlmCacheQuery,
      answer: PurgeLlmCacheAnswer,
      handle: async ({ caller, query, deps }) => ({
        purged: await deps.gateway.purgeCache({ tenantId: caller.userId, ...query }),
      }),
    }),
  ];
}
