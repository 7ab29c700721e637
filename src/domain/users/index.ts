export { claimInstallation, issueClaimCode } from "./claim-installation.ts";
export {
  acceptInvitation,
  invitePerson,
  listInvitations,
  removePerson,
  withdrawInvitation,
} from "./invitations.ts";
export { ensureOwner, findUserByEmail } from "./local-owner.ts";
export { hashPassword, hashToken } from "./secrets.ts";
export { type Caller, closeSession, findApiKey, findSession, openSession, sessionDays } from "./sessions.ts";
export { signIn } from "./sign-in.ts";
export { takeSignInTry } from "./take-sign-in-try.ts";
export { updateMe } from "./update-me.ts";
export { listPeople, readAuthState, readUser } from "./users.queries.ts";
