/**
 * What answers are made of, as tags of the response cache: a read names the areas it shows, a write those it changes.
 * All are one user's; another user's answers never carry them. `squadActivity`: what lists show of a squad beside its
 * definition (live executions, spent budget). `history`: what single executions show and whole squads, projects or tasks take
 * with them when they go. Finer than an area are the tags of one squad and one execution: where only these change, answers about the
 * others stay.
 */
export const changeAreas = [
  "profile",
  "people",
  "keys",
  "squads",
  "squadActivity",
  "projects",
  "tasks",
  "executions",
  "history",
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

/** The tag of what shows one squad by itself. */
export function squadTag(squadId: string): string {
  return `squad:${squadId}`;
}

/** The tag of everything that shows one execution. */
export function executionTag(executionId: string): string {
  return `execution:${executionId}`;
}

/**
 * The tag of no answer: it says whose reads may not come from a replica for a while. What carries the tag of an area of theirs says
 * so already.
 */
export function replicaTag(userId: string): string {
  return `replica:${userId}`;
}

/**
 * The tags of what a worker's commit changes. `coarse`: more than text was added (a status, a step, a call, a bill), so
 * that lists and totals of the user change too.
 */
export function executionChangeTags(change: {
  userId: string;
  executionId: string;
  squadId: string | null;
  coarse: boolean;
}): string[] {
  const own = executionTag(change.executionId);
  if (!change.coarse) return [own, replicaTag(change.userId)];
  const areas = ["tasks", "executions", "notifications"] as const;
  return [own, ...areas.map((area) => areaTag(change.userId, area)), ...spendTags(change.userId, change.squadId)];
}

/** The tags of what a bill changes: usage, budgets, and what shows the squad's; no squads where there is none. */
export function spendTags(userId: string, squadId: string | null): string[] {
  const own = [areaTag(userId, "usage"), areaTag(userId, "budgets")];
  return squadId === null ? own : [...own, areaTag(userId, "squadActivity"), squadTag(squadId)];
}

/** The tag of a session or API key: invalidating it makes every process ask the database about it again. */
export function credentialTag(credentialId: string): string {
  return `credential:${credentialId}`;
}

/** The tag of all sessions and keys of a user. */
export function credentialsOfTag(userId: string): string {
  return `user:${userId}`;
}
