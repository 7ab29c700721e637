import { AppError, sizeLimits } from "#contracts";
import { listSquadSlugs } from "#domain";
import { type AnyRoute, defineRoute } from "../../route.ts";
import { callContext, clientSignal } from "./call-options.ts";
import { answerChatCompletion } from "./chat-completion.ts";
import {
  ChatCompletionBody,
  CompletionBody,
  EmbeddingsAnswer,
  EmbeddingsBody,
  OpenAiModelList,
} from "./chat-schemas.ts";
import { answerCompletion } from "./completion.ts";
import { deferChatCompletion, isDeferred } from "./defer-chat-completion.ts";
import { deferredCallRoutes } from "./deferred-call-routes.ts";

const tag = "OpenAI-compatible";

/** What any OpenAI client can use: the gateway with its cache, limits, budgets and bill, and squads as models. */
export function openAiRoutes(): AnyRoute[] {
  return [
    defineRoute({
      method: "POST",
      path: "/v1/chat/completions",
      operationId: "createChatCompletion",
      tag,
      summary: "OpenAI's chat completions; model is a model or squad/SLUG",
      policy: "user",
      idempotency: "none",
      body: ChatCompletionBody,
      bodyLimitBytes: sizeLimits.taskBodyBytes,
      answer: null,
      stream: "application/json",
      handle: async (input) => {
        if (isDeferred(input.request)) await deferChatCompletion(input);
        else await answerChatCompletion(input);
        return undefined;
      },
    }),
    ...deferredCallRoutes(),
    completionsRoute(),
    embeddingsRoute(),
    modelsRoute(),
  ];
}

function completionsRoute(): AnyRoute {
  return defineRoute({
    method: "POST",
    path: "/v1/completions",
    operationId: "createCompletion",
    tag,
    summary: "OpenAI's text completions; several prompts share requests where the provider takes arrays",
    policy: "user",
    idempotency: "none",
    body: CompletionBody,
    bodyLimitBytes: sizeLimits.taskBodyBytes,
    answer: null,
    stream: "application/json",
    handle: async (input) => {
      await answerCompletion(input);
      return undefined;
    },
  });
}

function embeddingsRoute(): AnyRoute {
  return defineRoute({
    method: "POST",
    path: "/v1/embeddings",
    operationId: "createEmbeddings",
    tag,
    summary: "OpenAI's embeddings",
    policy: "user",
    idempotency: "none",
    body: EmbeddingsBody,
    waitsForProvider: true,
    bodyLimitBytes: sizeLimits.taskBodyBytes,
    answer: EmbeddingsAnswer,
    handle: async ({ caller, body, deps, request, reply }) => {
      const context = callContext(caller, request, { cache: body.cache, stream: false, lane: "interactive" });
      const inputs = [body.input].flat();
      const answer = await deps.gateway.embed(
        { model: body.model, inputs, ...(body.dimensions === undefined ? {} : { dimensions: body.dimensions }) },
        { ...context, signal: clientSignal(reply) },
      );
      if (answer.vectors.length !== inputs.length) {
        throw new AppError(
          "provider_failed",
          "The provider answered with another number of embeddings than was asked for.",
        );
      }
      if (answer.cacheResult !== undefined) reply.header("x-muster-cache", answer.cacheResult);
      const asBase64 = body.encoding_format === "base64";
      return {
        object: "list" as const,
        data: answer.vectors.map((vector, index) => ({
          object: "embedding" as const,
          index,
          embedding: asBase64 ? toBase64(vector) : vector,
        })),
        model: answer.model,
        usage: { prompt_tokens: answer.usage.inputTokens, total_tokens: answer.usage.inputTokens },
      };
    },
  });
}

/** Little-endian 32-bit floats, as OpenAI's clients decode them. */
function toBase64(vector: readonly number[]): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, index * 4);
  return bytes.toString("base64");
}

function modelsRoute(): AnyRoute {
  return defineRoute({
    method: "GET",
    path: "/v1/models",
    operationId: "listOpenAiModels",
    tag,
    summary: "Available models, and the caller's squads as squad/SLUG",
    policy: "user",
    answer: OpenAiModelList,
    cache: { seconds: 60, areas: ["accounts", "squads"] },
    handle: async ({ db, caller, deps }) => {
      const [models, squads] = await Promise.all([deps.gateway.listModels(caller.userId), listSquadSlugs(db, caller)]);
      const entry = (id: string, created: number, ownedBy: string) => ({
        id,
        object: "model" as const,
        created,
        owned_by: ownedBy,
      });
      return {
        object: "list" as const,
        data: [
          ...models.filter((model) => model.available).map((model) => entry(model.id, 0, model.provider)),
          ...squads.map((squad) =>
            entry(`squad/${squad.slug}`, Math.floor(squad.createdAt.getTime() / 1_000), "muster"),
          ),
        ],
      };
    },
  });
}
