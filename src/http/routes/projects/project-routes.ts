import {
  CreateProjectBody,
  ProjectAnswer,
  ProjectListQuery,
  ProjectPage,
  ProjectParams,
  UpdateProjectBody,
} from "#contracts";
import { createProject, deleteProject, listProjects, readProject, updateProject } from "#domain";
import { expectFound, expectOk } from "../../expect-ok.ts";
import { type AnyRoute, defineRoute } from "../../route.ts";

const tag = "projects";

/** Projects, which hold tasks. */
export function projectRoutes(): AnyRoute[] {
  return [
    defineRoute({
      method: "GET",
      path: "/api/v1/projects",
      operationId: "listProjects",
      tag,
      summary: "A page of projects with their tasks by state, newest first",
      policy: "user",
      query: ProjectListQuery,
      answer: ProjectPage,
      cache: { seconds: 60, areas: ["projects", "tasks"] },
      handle: ({ db, caller, query }) => listProjects(db, caller, query),
    }),
    defineRoute({
      method: "POST",
      path: "/api/v1/projects",
      operationId: "createProject",
      tag,
      summary: "Makes a project",
      policy: "user",
      body: CreateProjectBody,
      status: 201,
      answer: ProjectAnswer,
      changes: ["projects"],
      handle: async ({ db, caller, body }) => ({ project: await createProject(db, caller, body) }),
    }),
    defineRoute({
      method: "GET",
      path: "/api/v1/projects/:projectId",
      operationId: "readProject",
      tag,
      summary: "A project",
      policy: "user",
      params: ProjectParams,
      answer: ProjectAnswer,
      cache: { seconds: 300, areas: ["projects"] },
      handle: async ({ db, caller, params }) => ({
        project: expectFound(await readProject(db, caller, params.projectId), "project"),
      }),
    }),
    defineRoute({
      method: "PATCH",
      path: "/api/v1/projects/:projectId",
      operationId: "updateProject",
      tag,
      summary: "Changes a project",
      policy: "user",
      params: ProjectParams,
      body: UpdateProjectBody,
      answer: ProjectAnswer,
      changes: ["projects"],
      handle: async ({ db, caller, params, body }) => {
        const { project } = expectOk(await updateProject(db, caller, params.projectId, body));
        return { project };
      },
    }),
    defineRoute({
      method: "DELETE",
      path: "/api/v1/projects/:projectId",
      operationId: "deleteProject",
      tag,
      summary: "Deletes a project with its tasks and executions; the bill stays",
      policy: "user",
      params: ProjectParams,
      answer: null,
      changes: ["projects", "tasks", "executions", "history", "notifications"],
      handle: async ({ db, caller, params }) => {
        expectOk(await deleteProject(db, caller, params.projectId));
        return undefined;
      },
    }),
  ];
}
