import assert from "node:assert/strict";
import type { TestApi } from "./api-app.ts";
import { type Answer, call, createUser, signInCookie, type TestUser } from "./api-client.ts";
import { fillUser, type OwnIds } from "./filled-user.ts";

/** A user who has `parts` of each thing, with what it takes to write as them. */
export interface Side {
  user: TestUser;
  cookie: string;
  own: OwnIds;
  /** How many parts its things have. */
  parts: number;
}

/** Makes one, with things of so many parts. */
export async function createSide(api: TestApi, parts: number): Promise<Side> {
  const user = await createUser(api.app, api.database.db, { role: "owner" });
  const own = await fillUser(api, user, parts);
  return { user, cookie: await signInCookie(api.app, user.email), own, parts };
}

const many = <Item>(count: number, item: (index: number) => Item): Item[] =>
  Array.from({ length: count }, (_, index) => item(index));
const members = (count: number) => many(count, (index) => ({ name: `Member ${index}`, role: "writer" }));
const attachments = (count: number) => many(count, (index) => ({ name: `${index}.txt`, contentBase64: "eA==" }));

export interface Write {
  operation: string;
  what: string;
  method: string;
  /** With `{name}` for an id of one's own. */
  path: string;
  body?: (side: Side) => unknown;
  /** What of the answer later writes need. */
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape
  keep?: (body: any) => OwnIds;
  /** Credentials are managed by sessions alone. */
  session?: true;
}

/** What a user writes; in this order: what is made first is changed and removed later. */
export const everyWrite: readonly Write[] = [
  {
    operation: "createSquad",
    what: "a squad with its members",
    method: "POST",
    path: "/api/v1/squads",
    body: ({ parts }) => ({ name: "Big", members: members(parts) }),
    keep: ({ squad }) => ({ bigSquad: squad.id, bigSquadMember: squad.members[0].id }),
  },
  {
    operation: "updateSquad",
    what: "the name of a squad",
    method: "PATCH",
    path: "/api/v1/squads/{bigSquad}",
    body: () => ({ name: "Bigger" }),
  },
  {
    operation: "addSquadMember",
    what: "a member more",
    method: "POST",
    path: "/api/v1/squads/{bigSquad}/members",
    body: () => ({ name: "One more", role: "writer" }),
    keep: ({ squad }) => ({ lastMember: squad.members.at(-1).id }),
  },
  {
    operation: "updateSquadMember",
    what: "a member's instructions",
    method: "PATCH",
    path: "/api/v1/squads/{bigSquad}/members/{lastMember}",
    body: () => ({ instructions: "Write." }),
  },
  {
    operation: "updateSquadMember",
    what: "another lead",
    method: "PATCH",
    path: "/api/v1/squads/{bigSquad}/members/{lastMember}",
    body: () => ({ isLead: true }),
  },
  {
    operation: "removeSquadMember",
    what: "a member less",
    method: "DELETE",
    path: "/api/v1/squads/{bigSquad}/members/{bigSquadMember}",
  },
  {
    operation: "updateSquad",
    what: "all members replaced",
    method: "PATCH",
    path: "/api/v1/squads/{bigSquad}",
    body: ({ parts }) => ({ members: members(parts) }),
  },
  {
    operation: "createTask",
    what: "a task with its attachments",
    method: "POST",
    path: "/api/v1/tasks",
    body: ({ parts, own }) => ({ title: "Big", squadId: own.bigSquad, attachments: attachments(parts) }),
    keep: ({ task }) => ({ bigTask: task.id, attachment: task.attachments[0].id }),
  },
  {
    operation: "updateTask",
    what: "a task moved on the board",
    method: "PATCH",
    path: "/api/v1/tasks/{bigTask}",
    body: () => ({ status: "in_progress", position: 1.5 }),
  },
  {
    operation: "removeAttachment",
    what: "an attachment less",
    method: "DELETE",
    path: "/api/v1/tasks/{bigTask}/attachments/{attachment}",
  },
  {
    operation: "addAttachments",
    what: "an attachment more",
    method: "POST",
    path: "/api/v1/tasks/{bigTask}/attachments",
    body: () => ({ attachments: attachments(1) }),
  },
  {
    operation: "createExecution",
    what: "an execution of a task with attachments by a squad with members",
    method: "POST",
    path: "/api/v1/tasks/{bigTask}/executions",
    body: () => ({}),
    keep: ({ execution }) => ({ bigExecution: execution.id }),
  },
  {
    operation: "setExecutionBudget",
    what: "the budget of an execution",
    method: "PUT",
    path: "/api/v1/budgets/executions/{bigExecution}",
    body: () => ({ limitNanoUsd: 1_000_000 }),
  },
  { operation: "pauseExecution", what: "a pause", method: "POST", path: "/api/v1/executions/{bigExecution}/pause" },
  { operation: "resumeExecution", what: "going on", method: "POST", path: "/api/v1/executions/{bigExecution}/resume" },
  { operation: "cancelExecution", what: "the end", method: "POST", path: "/api/v1/executions/{bigExecution}/cancel" },
  {
    operation: "cancelExecution",
    what: "the end of one with messages and tool calls",
    method: "POST",
    path: "/api/v1/executions/{execution}/cancel",
  },
  {
    operation: "retryExecution",
    what: "once more, with what there was",
    method: "POST",
    path: "/api/v1/executions/{execution}/retry",
  },
  { operation: "deleteTask", what: "a task with all that is its", method: "DELETE", path: "/api/v1/tasks/{bigTask}" },
  {
    operation: "setSquadBudget",
    what: "the budget of a squad",
    method: "PUT",
    path: "/api/v1/budgets/squads/{bigSquad}",
    body: () => ({ limitNanoUsd: 1_000_000 }),
  },
  {
    operation: "removeSquadBudget",
    what: "no budget of a squad",
    method: "DELETE",
    path: "/api/v1/budgets/squads/{bigSquad}",
  },
  { operation: "deleteSquad", what: "a squad with members", method: "DELETE", path: "/api/v1/squads/{bigSquad}" },
  {
    operation: "setInstanceBudget",
    what: "the budget of all",
    method: "PUT",
    path: "/api/v1/budgets/instance",
    body: () => ({ limitNanoUsd: 9_000_000 }),
  },
  { operation: "removeInstanceBudget", what: "no budget", method: "DELETE", path: "/api/v1/budgets/instance" },
  {
    operation: "createProject",
    what: "a project",
    method: "POST",
    path: "/api/v1/projects",
    body: () => ({ name: "New" }),
    keep: ({ project }) => ({ newProject: project.id }),
  },
  {
    operation: "updateProject",
    what: "a project's name",
    method: "PATCH",
    path: "/api/v1/projects/{newProject}",
    body: () => ({ name: "Newer" }),
  },
  { operation: "deleteProject", what: "a project", method: "DELETE", path: "/api/v1/projects/{newProject}" },
  {
    operation: "readNotifications",
    what: "all notifications",
    method: "POST",
    path: "/api/v1/notifications/read",
    body: () => ({}),
  },
  {
    operation: "deleteConversation",
    what: "a conversation with its messages",
    method: "DELETE",
    path: "/api/v1/conversations/{conversation}",
  },
  {
    operation: "cancelDeferredCall",
    what: "a deferred call",
    method: "POST",
    path: "/api/v1/deferred-calls/{deferredCall}/cancel",
  },
  {
    operation: "createProviderAccount",
    what: "a provider account",
    method: "POST",
    path: "/api/v1/provider-accounts",
    body: () => ({ kind: "openai", name: "Another", apiKey: "sk-0123456789abcdef" }),
    keep: ({ providerAccount }) => ({ account: providerAccount.id }),
    session: true,
  },
  {
    operation: "updateProviderAccount",
    what: "its name",
    method: "PATCH",
    path: "/api/v1/provider-accounts/{account}",
    body: () => ({ name: "Named" }),
    session: true,
  },
  {
    operation: "deleteProviderAccount",
    what: "it is gone",
    method: "DELETE",
    path: "/api/v1/provider-accounts/{account}",
    session: true,
  },
  {
    operation: "createApiKey",
    what: "an API key",
    method: "POST",
    path: "/api/v1/api-keys",
    body: () => ({ name: "more" }),
    keep: ({ apiKey }) => ({ apiKey: apiKey.id }),
    session: true,
  },
  {
    operation: "revokeApiKey",
    what: "a key is revoked",
    method: "DELETE",
    path: "/api/v1/api-keys/{apiKey}",
    session: true,
  },
  {
    operation: "updateMe",
    what: "the caller's name",
    method: "PATCH",
    path: "/api/v1/me",
    body: () => ({ name: "Other" }),
    session: true,
  },
];

/** Does it and notes the ids that later ones need. */
export async function doWrite(api: TestApi, write: Write, side: Side): Promise<Answer> {
  const { user, cookie, own } = side;
  const path = write.path.replace(/\{(\w+)\}/g, (_, name: string) => own[name] ?? `no ${name}`);
  const headers = write.session ? { cookie } : { authorization: `Bearer ${user.token}` };
  const body = write.body?.(side);
  const result = await call(api.app, write.method, path, { headers, ...(body === undefined ? {} : { body }) });
  assert.ok(result.status < 300, `${write.method} ${path}: ${result.status} ${JSON.stringify(result.body)}`);
  Object.assign(own, write.keep?.(result.body));
  return result;
}
