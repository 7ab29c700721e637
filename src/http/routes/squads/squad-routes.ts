import {
  CreateSquadBody,
  NewSquadMember,
  SquadAnswer,
  SquadListQuery,
  SquadMemberParams,
  SquadPage,
  SquadParams,
  UpdateSquadBody,
  UpdateSquadMemberBody,
} from "#contracts";
import {
  addSquadMember,
  type Caller,
  createSquad,
  deleteSquad,
  listSquads,
  readSquad,
  removeSquadMember,
  type SquadCatalog,
  squadTag,
  updateSquad,
  updateSquadMember,
} from "#domain";
import type { HttpDependencies } from "../../dependencies.ts";
import { expectFound, expectOk } from "../../expect-ok.ts";
import { type AnyRoute, defineRoute } from "../../route.ts";

const tag = "squads";
const changes = ["squads", "tasks", "executions", "history", "budgets"] as const;

/** What squads are made from, for this caller. */
async function catalogFor(deps: HttpDependencies, caller: Caller): Promise<SquadCatalog> {
  return {
    templates: deps.templates,
    roles: deps.roles,
    toolNames: deps.tools.map((tool) => tool.name),
    defaultModel: await deps.gateway.defaultModel(caller.userId),
  };
}

/** Squads and their members. */
export function squadRoutes(): AnyRoute[] {
  return [...wholeSquadRoutes(), ...memberRoutes()];
}

function wholeSquadRoutes(): AnyRoute[] {
  return [
    defineRoute({
      method: "GET",
      path: "/api/v1/squads",
      operationId: "listSquads",
      tag,
      summary: "A page of squads with their members, newest first",
      policy: "user",
      query: SquadListQuery,
      answer: SquadPage,
      cache: { seconds: 60, areas: ["squads", "squadActivity"] },
      handle: ({ db, caller, query }) => listSquads(db, caller, query),
    }),
    defineRoute({
      method: "POST",
      path: "/api/v1/squads",
      operationId: "createSquad",
      tag,
      summary: "Makes a squad from a template or from nothing",
      policy: "user",
      body: CreateSquadBody,
      status: 201,
      answer: SquadAnswer,
      changes,
      handle: async ({ db, caller, body, deps }) => {
        const { squad } = expectOk(await createSquad(db, caller, body, await catalogFor(deps, caller)));
        return { squad };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/api/v1/squads/:squadId",
      operationId: "readSquad",
      tag,
      summary: "A squad with its members",
      policy: "user",
      params: SquadParams,
      answer: SquadAnswer,
      cache: { seconds: 300, areas: ["squads"], tags: ({ squadId }: { squadId: string }) => [squadTag(squadId)] },
      handle: async ({ db, caller, params }) => ({
        squad: expectFound(await readSquad(db, caller, params.squadId), "squad"),
      }),
    }),
    defineRoute({
      method: "PATCH",
      path: "/api/v1/squads/:squadId",
      operationId: "updateSquad",
      tag,
      summary: "Changes a squad; members, when given, replace all of them",
      policy: "user",
      params: SquadParams,
      body: UpdateSquadBody,
      answer: SquadAnswer,
      changes,
      handle: async ({ db, caller, params, body, deps }) => {
        const { squad } = expectOk(await updateSquad(db, caller, params.squadId, body, await catalogFor(deps, caller)));
        return { squad };
      },
    }),
    defineRoute({
      method: "DELETE",
      path: "/api/v1/squads/:squadId",
      operationId: "deleteSquad",
      tag,
      summary: "Deletes a squad; its executions and their bill stay",
      policy: "user",
      params: SquadParams,
      answer: null,
      changes,
      handle: async ({ db, caller, params }) => {
        expectOk(await deleteSquad(db, caller, params.squadId));
        return undefined;
      },
    }),
  ];
}

function memberRoutes(): AnyRoute[] {
  return [
    defineRoute({
      method: "POST",
      path: "/api/v1/squads/:squadId/members",
      operationId: "addSquadMember",
      tag,
      summary: "Adds a member at the end",
      policy: "user",
      params: SquadParams,
      body: NewSquadMember,
      status: 201,
      answer: SquadAnswer,
      changes,
      handle: async ({ db, caller, params, body, deps }) => {
        const catalog = await catalogFor(deps, caller);
        const { squad } = expectOk(await addSquadMember(db, caller, params.squadId, body, catalog));
        return { squad };
      },
    }),
    defineRoute({
      method: "PATCH",
      path: "/api/v1/squads/:squadId/members/:squadMemberId",
      operationId: "updateSquadMember",
      tag,
      summary: "Changes a member; isLead makes it the lead",
      policy: "user",
      params: SquadMemberParams,
      body: UpdateSquadMemberBody,
      answer: SquadAnswer,
      changes,
      handle: async ({ db, caller, params: { squadId, squadMemberId }, body, deps }) => {
        const catalog = await catalogFor(deps, caller);
        const { squad } = expectOk(await updateSquadMember(db, caller, squadId, squadMemberId, body, catalog));
        return { squad };
      },
    }),
    defineRoute({
      method: "DELETE",
      path: "/api/v1/squads/:squadId/members/:squadMemberId",
      operationId: "removeSquadMember",
      tag,
      summary: "Removes a member; the lead stays",
      policy: "user",
      params: SquadMemberParams,
      answer: SquadAnswer,
      changes,
      handle: async ({ db, caller, params: { squadId, squadMemberId } }) => {
        const { squad } = expectOk(await removeSquadMember(db, caller, squadId, squadMemberId));
        return { squad };
      },
    }),
  ];
}
