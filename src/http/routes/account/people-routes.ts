import {
  CreatedInvitation,
  CreateInvitationBody,
  InvitationPage,
  InvitationParams,
  InvitationsQuery,
  PeopleQuery,
  PersonPage,
  PersonParams,
} from "#contracts";
import { credentialsOfTag, invitePerson, listInvitations, listPeople, removePerson, withdrawInvitation } from "#domain";
import { expectOk } from "../../expect-ok.ts";
import { type AnyRoute, defineRoute } from "../../route.ts";

const tag = "people";

/** The owner's: who has an account here, and who is invited. */
export function peopleRoutes(): AnyRoute[] {
  return [
    defineRoute({
      method: "GET",
      path: "/api/v1/people",
      operationId: "listPeople",
      tag,
      summary: "Everyone with an account here",
      policy: "owner",
      query: PeopleQuery,
      answer: PersonPage,
      handle: ({ db, caller, query }) => listPeople(db, caller, query),
    }),
    defineRoute({
      method: "DELETE",
      path: "/api/v1/people/:userId",
      operationId: "removePerson",
      tag,
      summary: "Removes a person and everything of theirs",
      policy: "owner",
      params: PersonParams,
      answer: null,
      handle: async ({ db, caller, params, deps, afterCommit, touch }) => {
        expectOk(await removePerson(db, caller, params.userId));
        touch(credentialsOfTag(params.userId));
        afterCommit(() => deps.onProviderAccountsChanged?.(params.userId));
        return undefined;
      },
    }),
    defineRoute({
      method: "GET",
      path: "/api/v1/invitations",
      operationId: "listInvitations",
      tag,
      summary: "Invitations that were sent, newest first",
      policy: "owner",
      query: InvitationsQuery,
      answer: InvitationPage,
      handle: ({ db, caller, query }) => listInvitations(db, caller, query),
    }),
    defineRoute({
      method: "POST",
      path: "/api/v1/invitations",
      operationId: "invitePerson",
      tag,
      summary: "Invites someone; the token is shown this once",
      policy: "owner",
      body: CreateInvitationBody,
      status: 201,
      answer: CreatedInvitation,
      secretAnswer: true,
      handle: async ({ db, caller, body }) => {
        const { invitation, token } = expectOk(await invitePerson(db, caller, body.email));
        return { invitation, token };
      },
    }),
    defineRoute({
      method: "DELETE",
      path: "/api/v1/invitations/:invitationId",
      operationId: "withdrawInvitation",
      tag,
      summary: "Withdraws an invitation",
      policy: "owner",
      params: InvitationParams,
      answer: null,
      handle: async ({ db, caller, params }) => {
        expectOk(await withdrawInvitation(db, caller, params.invitationId));
        return undefined;
      },
    }),
  ];
}
