/** What Muster does, without HTTP, queue workers or models: use cases and queries, each bound to its owner's scope. */
export { uuidv7 as newId } from "#db";
export * from "./api-keys/index.ts";
export * from "./avatars/index.ts";
export * from "./batch-jobs/index.ts";
export * from "./budgets/index.ts";
export type { SquadCatalog } from "./catalog.ts";
export {
  areaTag,
  type ChangeArea,
  credentialsOfTag,
  credentialTag,
  executionChangeTags,
  executionTag,
  replicaTag,
  spendTags,
  squadTag,
} from "./change-tags.ts";
export * from "./changes/index.ts";
export * from "./conversations/index.ts";
export { readDashboard } from "./dashboard/read-dashboard.ts";
export * from "./deferred-calls/index.ts";
export * from "./executions/index.ts";
export * from "./idempotency/index.ts";
export * from "./notifications/index.ts";
export * from "./operations/index.ts";
export * from "./projects/index.ts";
export * from "./provider-accounts/index.ts";
export * from "./settings/index.ts";
export * from "./squads/index.ts";
export {
  type Database,
  joinTransaction,
  type Queryable,
  type Refusal,
  type Scope,
  type Store,
  type Transaction,
} from "./store.ts";
export * from "./tasks/index.ts";
export * from "./usage/index.ts";
export * from "./users/index.ts";
