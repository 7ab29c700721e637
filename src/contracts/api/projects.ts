import { type Static, Type } from "typebox";
import { Id, Name, object, pageOf, pageQuery, SearchText, Timestamp } from "./common.ts";

const Description = Type.String({ maxLength: 20_000 });

export const Project = object({
  id: Id,
  name: Type.String(),
  description: Type.String(),
  createdAt: Timestamp,
  updatedAt: Timestamp,
});
export type Project = Static<typeof Project>;

/** A project as lists show it: the description's beginning and how many tasks are in each state. */
export const ProjectListItem = object({
  id: Id,
  name: Type.String(),
  description: Type.String({ description: "The first 200 characters" }),
  tasks: object({
    pending: Type.Integer(),
    in_progress: Type.Integer(),
    completed: Type.Integer(),
    failed: Type.Integer(),
    cancelled: Type.Integer(),
  }),
  createdAt: Timestamp,
  updatedAt: Timestamp,
});
export type ProjectListItem = Static<typeof ProjectListItem>;
export const ProjectPage = pageOf(ProjectListItem);
export type ProjectPage = Static<typeof ProjectPage>;
export const ProjectListQuery = object({ ...pageQuery, search: Type.Optional(SearchText) });
export type ProjectListQuery = Static<typeof ProjectListQuery>;
export const ProjectParams = object({ projectId: Id });
export const ProjectAnswer = object({ project: Project });
export type ProjectAnswer = Static<typeof ProjectAnswer>;
export const CreateProjectBody = object({ name: Name, description: Type.Optional(Description) });
export type CreateProjectBody = Static<typeof CreateProjectBody>;
export const UpdateProjectBody = object({ name: Type.Optional(Name), description: Type.Optional(Description) });
export type UpdateProjectBody = Static<typeof UpdateProjectBody>;
