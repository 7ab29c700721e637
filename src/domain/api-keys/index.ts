export { listApiKeys } from "./api-keys.queries.ts";
export { createApiKey } from "./create-api-key.ts";
export { revokeApiKey } from "./revoke-api-key.ts";
