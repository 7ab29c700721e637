export { processes, runProcess } from "./processes/run-process.ts";
export { loadRoles } from "./roles/load-roles.ts";
export { loadSquadTemplates } from "./templates/load-squad-templates.ts";
export { allTools, findTool, toolsFor } from "./tools/registry.ts";
export { runTool } from "./tools/run-tool.ts";
export * from "./types.ts";
export { WorkspaceError, type WorkspaceErrorCode } from "./workspace/workspace-error.ts";
export { openWorkspace } from "./workspace.ts";
