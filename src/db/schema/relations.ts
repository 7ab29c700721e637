import { relations } from "drizzle-orm";
import { projects } from "./projects.ts";
import { squadMembers, squads } from "./squads.ts";
import { executionSteps, taskExecutions } from "./task-executions.ts";
import { taskAttachments, tasks } from "./tasks.ts";

// What `with` can fetch in the same statement as its parent.
export const squadRelations = relations(squads, ({ many }) => ({ members: many(squadMembers) }));
export const squadMemberRelations = relations(squadMembers, ({ one }) => ({
  squad: one(squads, { fields: [squadMembers.squadId], references: [squads.id] }),
}));
export const projectRelations = relations(projects, ({ many }) => ({ tasks: many(tasks) }));
export const taskRelations = relations(tasks, ({ one, many }) => ({
  project: one(projects, { fields: [tasks.projectId], references: [projects.id] }),
  squad: one(squads, { fields: [tasks.squadId], references: [squads.id] }),
  attachments: many(taskAttachments),
  executions: many(taskExecutions),
}));
export const taskAttachmentRelations = relations(taskAttachments, ({ one }) => ({
  task: one(tasks, { fields: [taskAttachments.taskId], references: [tasks.id] }),
}));
export const taskExecutionRelations = relations(taskExecutions, ({ one, many }) => ({
  task: one(tasks, { fields: [taskExecutions.taskId], references: [tasks.id] }),
  steps: many(executionSteps),
}));
export const executionStepRelations = relations(executionSteps, ({ one }) => ({
  execution: one(taskExecutions, { fields: [executionSteps.executionId], references: [taskExecutions.id] }),
}));
