/** The areas that starting, steering or ending an execution changes. */
export const executionChanges = ["executions", "tasks", "projects", "squads", "budgets", "notifications"] as const;
