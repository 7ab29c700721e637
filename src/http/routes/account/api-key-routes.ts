import { ApiKeyList, ApiKeyParams, CreateApiKeyBody, CreatedApiKey } from "#contracts";
import { createApiKey, credentialTag, listApiKeys, revokeApiKey } from "#domain";
import { expectOk } from "../../expect-ok.ts";
import { type AnyRoute, defineRoute } from "../../route.ts";

const tag = "api keys";

/** The caller's API keys. */
export function apiKeyRoutes(): AnyRoute[] {
  return [
    defineRoute({
      method: "GET",
      path: "/api/v1/api-keys",
      operationId: "listApiKeys",
      tag,
      summary: "The caller's keys, without their secrets",
      policy: "user",
      answer: ApiKeyList,
      handle: async ({ db, caller }) => ({ data: await listApiKeys(db, caller) }),
    }),
    defineRoute({
      method: "POST",
      path: "/api/v1/api-keys",
      operationId: "createApiKey",
      tag,
      summary: "Makes a key; its token is shown this once",
      policy: "session",
      body: CreateApiKeyBody,
      status: 201,
      answer: CreatedApiKey,
      secretAnswer: true,
      handle: ({ db, caller, body }) => createApiKey(db, caller, body.name),
    }),
    defineRoute({
      method: "DELETE",
      path: "/api/v1/api-keys/:apiKeyId",
      operationId: "revokeApiKey",
      tag,
      summary: "Revokes a key for ever",
      policy: "user",
      params: ApiKeyParams,
      answer: null,
      handle: async ({ db, caller, params, touch }) => {
        expectOk(await revokeApiKey(db, caller, params.apiKeyId));
        touch(credentialTag(params.apiKeyId));
        return undefined;
      },
    }),
  ];
}
