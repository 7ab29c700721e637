import { type Static, Type } from "typebox";
import { userRoles } from "../closed-sets.ts";
import { cursorPageOf, cursorQuery, Id, listOf, Name, nullable, object, Timestamp } from "./common.ts";

export const User = object({
  id: Id,
  email: Type.String(),
  name: Type.String(),
  role: Type.Enum(userRoles),
  avatarKey: nullable(Type.String()),
  createdAt: Timestamp,
});
export type User = Static<typeof User>;

const Email = Type.String({
  minLength: 3,
  maxLength: 254,
  pattern: "^[^\\s@]+@[^\\s@]+$",
  description: "An address: name@host",
});
const NewPassword = Type.String({ minLength: 10, maxLength: 256 });

/** What a visitor may know before signing in. */
export const AuthState = object({ claimed: Type.Boolean(), signedIn: Type.Boolean() });
export type AuthState = Static<typeof AuthState>;

export const ClaimBody = object({
  claimCode: Type.String({ minLength: 1, maxLength: 200 }),
  email: Email,
  name: Name,
  password: NewPassword,
});
export type ClaimBody = Static<typeof ClaimBody>;

export const SignInBody = object({ email: Email, password: Type.String({ minLength: 1, maxLength: 256 }) });
export type SignInBody = Static<typeof SignInBody>;

export const AcceptInvitationBody = object({
  token: Type.String({ minLength: 1, maxLength: 200 }),
  name: Name,
  password: NewPassword,
});
export type AcceptInvitationBody = Static<typeof AcceptInvitationBody>;

/** Answer of claim, sign-in and accepting an invitation; the session itself is in the cookie. */
export const SignedIn = object({ user: User });
export type SignedIn = Static<typeof SignedIn>;

export const Me = object({ user: User, unreadNotifications: Type.Integer() });
export type Me = Static<typeof Me>;

/** A new password ends all other sessions. */
export const UpdateMeBody = object({
  name: Type.Optional(Name),
  currentPassword: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
  newPassword: Type.Optional(NewPassword),
});
export type UpdateMeBody = Static<typeof UpdateMeBody>;

export const ApiKey = object({
  id: Id,
  name: Type.String(),
  prefix: Type.String({ description: "First characters of the key, to tell keys apart" }),
  createdAt: Timestamp,
  lastUsedAt: nullable(Timestamp),
  revokedAt: nullable(Timestamp),
});
export type ApiKey = Static<typeof ApiKey>;
export const ApiKeyList = listOf(ApiKey);
export type ApiKeyList = Static<typeof ApiKeyList>;
export const CreateApiKeyBody = object({ name: Name });
export type CreateApiKeyBody = Static<typeof CreateApiKeyBody>;
export const ApiKeyParams = object({ apiKeyId: Id });
/** `token` is shown this once. */
export const CreatedApiKey = object({ apiKey: ApiKey, token: Type.String() });
export type CreatedApiKey = Static<typeof CreatedApiKey>;

export const Person = object({
  id: Id,
  email: Type.String(),
  name: Type.String(),
  role: Type.Enum(userRoles),
  createdAt: Timestamp,
});
export type Person = Static<typeof Person>;
export const PeopleQuery = object(cursorQuery);
export const PersonPage = cursorPageOf(Person);
export type PersonPage = Static<typeof PersonPage>;
export const PersonParams = object({ userId: Id });

export const Invitation = object({
  id: Id,
  email: Type.String(),
  createdAt: Timestamp,
  expiresAt: Timestamp,
  acceptedAt: nullable(Timestamp),
});
export type Invitation = Static<typeof Invitation>;
export const InvitationsQuery = object(cursorQuery);
export const InvitationPage = cursorPageOf(Invitation);
export type InvitationPage = Static<typeof InvitationPage>;
export const CreateInvitationBody = object({ email: Email });
export type CreateInvitationBody = Static<typeof CreateInvitationBody>;
export const InvitationParams = object({ invitationId: Id });
/** `token` is shown this once; the page `/join?token=…` takes it. */
export const CreatedInvitation = object({ invitation: Invitation, token: Type.String() });
export type CreatedInvitation = Static<typeof CreatedInvitation>;
