import {
  AvatarBody,
  type AvatarFormat,
  AvatarParams,
  SignedIn,
  SquadAnswer,
  SquadMemberParams,
  sizeLimits,
} from "#contracts";
import { changeMemberAvatar, changeOwnAvatar, createAvatarEncoder, readAvatar } from "#domain";
import { expectFound, expectOk } from "../../expect-ok.ts";
import { apiHeaders } from "../../plugins/security-headers.ts";
import { type AnyRoute, defineRoute } from "../../route.ts";

const tag = "avatars";
const bodyLimitBytes = sizeLimits.avatarBodyBytes;
const memberPath = "/api/v1/squads/:squadId/members/:squadMemberId/avatar";

/** Uploaded pictures of the caller and of their squads' members. */
export function avatarRoutes(): AnyRoute[] {
  const encode = createAvatarEncoder();
  return [
    readRoute(),
    defineRoute({
      method: "PUT",
      path: "/api/v1/me/avatar",
      operationId: "putMyAvatar",
      tag,
      summary: "Gives the caller a picture: cut to a square, encoded anew, without metadata",
      policy: "user",
      body: AvatarBody,
      bodyLimitBytes,
      answer: SignedIn,
      changes: ["profile"],
      handle: async ({ db, caller, body }) => ({
        user: expectOk(await changeOwnAvatar(db, caller, body, encode)).user,
      }),
    }),
    defineRoute({
      method: "DELETE",
      path: "/api/v1/me/avatar",
      operationId: "deleteMyAvatar",
      tag,
      summary: "Takes the caller's picture away",
      policy: "user",
      answer: SignedIn,
      changes: ["profile"],
      handle: async ({ db, caller }) => ({ user: expectOk(await changeOwnAvatar(db, caller, null, encode)).user }),
    }),
    defineRoute({
      method: "PUT",
      path: memberPath,
      operationId: "putMemberAvatar",
      tag,
      summary: "Gives a member a picture",
      policy: "user",
      params: SquadMemberParams,
      body: AvatarBody,
      bodyLimitBytes,
      answer: SquadAnswer,
      changes: ["squads", "history"],
      handle: async ({ db, caller, params, body }) => ({
        squad: expectOk(await changeMemberAvatar(db, caller, params, body, encode)).squad,
      }),
    }),
    defineRoute({
      method: "DELETE",
      path: memberPath,
      operationId: "deleteMemberAvatar",
      tag,
      summary: "Takes a member's picture away",
      policy: "user",
      params: SquadMemberParams,
      answer: SquadAnswer,
      changes: ["squads", "history"],
      handle: async ({ db, caller, params }) => ({
        squad: expectOk(await changeMemberAvatar(db, caller, params, null, encode)).squad,
      }),
    }),
  ];
}

function readRoute(): AnyRoute {
  return defineRoute({
    method: "GET",
    path: "/api/v1/avatars/:avatarHash/:variant",
    operationId: "readAvatar",
    tag,
    summary: "A picture; what stands under a hash never changes",
    policy: "user",
    params: AvatarParams,
    answer: null,
    stream: "image/avif",
    handle: async ({ db, caller, params: { avatarHash, variant }, reply }) => {
      const [size, format] = variant.split(".") as [string, AvatarFormat];
      const picture = await readAvatar(db, caller, { hash: avatarHash, size: Number(size), format });
      reply
        .headers(apiHeaders)
        .header("cache-control", "private, max-age=31536000, immutable")
        .header("cross-origin-resource-policy", "same-origin")
        .header("vary", "Authorization, Cookie")
        .type(`image/${format}`)
        .send(expectFound(picture, "picture"));
      return undefined;
    },
  });
}
