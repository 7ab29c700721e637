export { createProject, deleteProject, updateProject } from "./change-project.ts";
export { listProjects, readProject } from "./projects.queries.ts";
