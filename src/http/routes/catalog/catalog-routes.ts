import { ModelList, RoleList, SquadTemplateList, ToolList } from "#contracts";
import { type AnyRoute, defineRoute } from "../../route.ts";

const tag = "catalog";

/** What squads are made from. */
export function catalogRoutes(): AnyRoute[] {
  return [
    defineRoute({
      method: "GET",
      path: "/api/v1/squad-templates",
      operationId: "listSquadTemplates",
      tag,
      summary: "Templates of squads",
      policy: "user",
      answer: SquadTemplateList,
      cache: { seconds: 300, areas: [] },
      handle: async ({ deps }) => ({ data: [...deps.templates] }),
    }),
    defineRoute({
      method: "GET",
      path: "/api/v1/roles",
      operationId: "listRoles",
      tag,
      summary: "Roles that members can have, with their instructions",
      policy: "user",
      answer: RoleList,
      cache: { seconds: 300, areas: [] },
      handle: async ({ deps }) => ({ data: [...deps.roles] }),
    }),
    defineRoute({
      method: "GET",
      path: "/api/v1/models",
      operationId: "listModels",
      tag,
      summary: "Models with price and context size; those of configured providers are available",
      policy: "user",
      answer: ModelList,
      cache: { seconds: 60, areas: ["accounts"] },
      handle: async ({ deps, caller }) => {
        const [data, defaultModel] = await Promise.all([
          deps.gateway.listModels(caller.userId),
          deps.gateway.defaultModel(caller.userId),
        ]);
        return { data, defaultModel };
      },
    }),
    defineRoute({
      method: "GET",
      path: "/api/v1/tools",
      operationId: "listTools",
      tag,
      summary: "Tools that members can be given",
      policy: "user",
      answer: ToolList,
      cache: { seconds: 300, areas: [] },
      handle: async ({ deps }) => ({
        data: deps.tools.map(({ name, description, class: toolClass }) => ({ name, description, class: toolClass })),
      }),
    }),
  ];
}
