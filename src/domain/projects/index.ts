export { createProject, deleteProject, updateProject } from "./change-project.ts";
export { ensureProject } from "./ensure-project.ts";
export { listProjects, readProject } from "./projects.queries.ts";
