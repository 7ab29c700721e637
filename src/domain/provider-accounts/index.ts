export {
  createProviderAccount,
  deleteProviderAccount,
  updateProviderAccount,
} from "./change-provider-account.ts";
export {
  listProviderAccounts,
  openProviderAccount,
  type ProviderCredentials,
  readProviderAccount,
  readProviderCredentials,
} from "./provider-accounts.queries.ts";
export { createSecretBox, type SecretBox } from "./secret-box.ts";
