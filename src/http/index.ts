/** The HTTP server: routes with their policies and schemas, sign-in, idempotency, caching, streams. */
export { admissionDefaults } from "./admission.ts";
export { createApp } from "./app.ts";
export type {
  AdmissionLimits,
  EmbeddingReply,
  EmbeddingRequest,
  HttpDependencies,
  ModelGateway,
  ToolInfo,
  WorkspaceReader,
} from "./dependencies.ts";
export { buildOpenApi } from "./openapi.ts";
export { type AnswerCache, type AnswerCacheOptions, createAnswerCache, type Invalidations } from "./response-cache.ts";
export type { AnyRoute, Policy } from "./route.ts";
export { createRouteTable } from "./route-table.ts";
export { type ByteStore, createSecondLevel } from "./second-level.ts";
