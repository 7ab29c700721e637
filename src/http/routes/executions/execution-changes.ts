/** The areas that starting, steering or ending an execution changes. */
export const executionChanges = [
  "executions",
  "tasks",
  "projects",
  "squadActivity",
  "budgets",
  "notifications",
] as const;
