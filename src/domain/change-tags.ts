/**
 * What answers are made of, as tags of the response cache: a read names the areas it shows, a write those it changes.
 * All are one user's; another user's answers never carry them.
 */
export const changeAreas = [
  "profile",
  "people",
  "keys",
  "squads",
  "projects",
  "tasks",
  "executions",
  "notifications",
  "usage",
  "budgets",
  "accounts",
  "conversations",
] as const;
export type ChangeArea = (typeof changeAreas)[number];

/** The tag of an area of one user. */
export function areaTag(userId: string, area: ChangeArea): string {
  return `${userId}:${area}`;
}

/** The tag of everything that shows one execution. */
export function executionTag(executionId: string): string {
  return `execution:${executionId}`;
}

/**
 * The tags of what a worker's commit changes. `coarse`: more than text was added (a status, a step, a call, a bill), so
 * that lists and totals of the user change too.
 */
export function executionChangeTags(change: { userId: string; executionId: string; coarse: boolean }): string[] {
  const own = executionTag(change.executionId);
  if (!change.coarse) return [own];
  const areas = ["squads", "tasks", "executions", "notifications", "usage", "budgets"] as const;
  return [own, ...areas.map((area) => areaTag(change.userId, area))];
}

/** The tag of a session or API key: invalidating it makes every process ask the database about it again. */
export function credentialTag(credentialId: string): string {
  return `credential:${credentialId}`;
}

/** The tag of all sessions and keys of a user. */
export function credentialsOfTag(userId: string): string {
  return `user:${userId}`;
}
