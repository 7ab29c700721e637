import {
  AcceptInvitationBody,
  AppError,
  AuthState,
  ClaimBody,
  Me,
  SignedIn,
  SignInBody,
  UpdateMeBody,
} from "#contracts";
import {
  acceptInvitation,
  claimInstallation,
  closeSession,
  countUnread,
  credentialsOfTag,
  credentialTag,
  readAuthState,
  readUser,
  signIn,
  updateMe,
} from "#domain";
import { expectFound, expectOk } from "../../expect-ok.ts";
import { createRateLimiter, type RateLimiter } from "../../plugins/rate-limit.ts";
import { clearSessionCookie, setSessionCookie } from "../../plugins/session-cookie.ts";
import { type AnyRoute, defineRoute } from "../../route.ts";

const tag = "account";

/** Claiming, signing in and out, joining, and the caller's own account. */
export function authRoutes(): AnyRoute[] {
  // Beside the limit per address: many addresses that try one account.
  const tries = createRateLimiter({ perSecond: 0.2, burst: 10 });
  return [...visitorRoutes(tries), ...ownRoutes()];
}

function limit(tries: RateLimiter, email: string): void {
  const wait = tries.take(email.toLowerCase());
  if (wait === 0) return;
  throw new AppError("rate_limited", `Too many tries for this account. Wait ${wait} s before the next.`, {
    retryAfterSeconds: wait,
  });
}

function visitorRoutes(tries: RateLimiter): AnyRoute[] {
  return [
    defineRoute({
      method: "GET",
      path: "/api/v1/auth/state",
      operationId: "readAuthState",
      tag,
      summary: "Whether this installation is claimed and whether the request comes from someone",
      policy: "public",
      answer: AuthState,
      handle: async ({ db, caller }) => ({ ...(await readAuthState(db)), signedIn: caller !== null }),
    }),
    defineRoute({
      method: "POST",
      path: "/api/v1/auth/claim",
      operationId: "claimInstallation",
      tag,
      summary: "Makes the owner with the claim code of the first start, and signs them in",
      policy: "public",
      guessable: true,
      body: ClaimBody,
      status: 201,
      answer: SignedIn,
      handle: async ({ db, body, request, reply }) => {
        const done = expectOk(await claimInstallation(db, body, request.headers["user-agent"] ?? null));
        setSessionCookie(request, reply, done.token);
        return { user: done.user };
      },
    }),
    defineRoute({
      method: "POST",
      path: "/api/v1/auth/sign-in",
      operationId: "signIn",
      tag,
      summary: "Opens a session; its token is in the cookie",
      policy: "public",
      guessable: true,
      body: SignInBody,
      answer: SignedIn,
      handle: async ({ db, body, request, reply }) => {
        limit(tries, body.email);
        const done = expectOk(await signIn(db, body, request.headers["user-agent"] ?? null));
        setSessionCookie(request, reply, done.token);
        return { user: done.user };
      },
    }),
    defineRoute({
      method: "POST",
      path: "/api/v1/auth/accept-invitation",
      operationId: "acceptInvitation",
      tag,
      summary: "Makes the invited account and signs it in",
      policy: "public",
      guessable: true,
      body: AcceptInvitationBody,
      status: 201,
      answer: SignedIn,
      handle: async ({ db, body, request, reply }) => {
        const done = expectOk(await acceptInvitation(db, body, request.headers["user-agent"] ?? null));
        setSessionCookie(request, reply, done.token);
        return { user: done.user };
      },
    }),
  ];
}

function ownRoutes(): AnyRoute[] {
  return [
    defineRoute({
      method: "POST",
      path: "/api/v1/auth/sign-out",
      operationId: "signOut",
      tag,
      summary: "Ends the session; an API key stays as it is",
      policy: "public",
      idempotency: "none",
      answer: null,
      handle: async ({ db, caller, reply, touch }) => {
        if (caller) {
          await closeSession(db, caller);
          if (caller.kind === "session") touch(credentialTag(caller.credentialId));
        }
        clearSessionCookie(reply);
        return undefined;
      },
    }),
    defineRoute({
      method: "GET",
      path: "/api/v1/me",
      operationId: "readMe",
      tag,
      summary: "The caller, with the number of unread notifications",
      policy: "user",
      answer: Me,
      cache: { seconds: 60, areas: ["profile", "notifications"] },
      handle: async ({ db, caller }) => {
        const [user, unreadNotifications] = await Promise.all([readUser(db, caller), countUnread(db, caller)]);
        return { user: expectFound(user, "user"), unreadNotifications };
      },
    }),
    defineRoute({
      method: "PATCH",
      path: "/api/v1/me",
      operationId: "updateMe",
      tag,
      summary: "Changes the caller's name or password",
      policy: "session",
      idempotency: "none",
      body: UpdateMeBody,
      answer: SignedIn,
      changes: ["profile", "people"],
      handle: async ({ db, caller, body, touch }) => {
        const done = expectOk(await updateMe(db, caller, body));
        if (done.endedSessions) touch(credentialsOfTag(caller.userId));
        return { user: done.user };
      },
    }),
  ];
}
