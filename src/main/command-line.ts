/** What a command line does with the composed parts: use cases and reads, by the names their modules give them. */
export { migrate, openDatabase, seed, startEmbeddedPostgres } from "#db";
export {
  acceptExecution,
  approveExecution,
  cancelExecution,
  createApiKey,
  createSecretBox,
  createSquad,
  createTask,
  type Database,
  ensureOwner,
  ensureProject,
  findSquadBySlug,
  findUserByEmail,
  joinTransaction,
  listExecutions,
  listSquadSlugs,
  pauseExecution,
  readExecution,
  readProviderCredentials,
  readSquad,
  resumeExecution,
  retryExecution,
  type Scope,
  sendHints,
  setExecutionBudget,
} from "#domain";
export { toExecutionEvent } from "#events";
export { workspaceFolder } from "#worker";
export { accountsFromEnvironment, findLocalServers } from "./provider-sources.ts";
export { installationKey } from "./secret-key.ts";
