import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { AnyRoute } from "#http";
import { startTestApi, type TestApi } from "../support/api-app.ts";
import { type Answer, call, createUser, signInCookie, type TestUser } from "../support/api-client.ts";
import { countStatements, type StatementCounter } from "../support/count-statements.ts";
import { fillUser, type OwnIds } from "../support/filled-user.ts";

// The number of statements of a write, those inside its transaction included, is the same for a thing of one part and of many, and for
// a caller who has one of everything and twenty.

interface Side {
  user: TestUser;
  cookie: string;
  own: OwnIds;
  /** How many parts its things have. */
  parts: number;
}

let api: TestApi;
let sides: [Side, Side];
let counted: StatementCounter;

before(async () => {
  api = await startTestApi();
  sides = [await createSide(1), await createSide(20)];
  counted = countStatements(api.database.db);
});
after(() => api.close());

async function createSide(parts: number): Promise<Side> {
  const user = await createUser(api.app, api.database.db, { role: "owner" });
  const own = await fillUser(api, user, parts);
  return { user, cookie: await signInCookie(api.app, user.email), own, parts };
}

const many = <Item>(count: number, item: (index: number) => Item): Item[] =>
  Array.from({ length: count }, (_, index) => item(index));
const members = (count: number) => many(count, (index) => ({ name: `Member ${index}`, role: "writer" }));
const attachments = (count: number) => many(count, (index) => ({ name: `${index}.txt`, contentBase64: "eA==" }));

interface Write {
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

/** In this order: what is made first is changed and removed later. */
const writes: Write[] = [
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

/** Writes that are not counted, each with the reason. */
const uncounted: Record<string, string> = {
  cancelBatchJob: "a batch at a provider, of which few are open at once: test/flow/batch-*.test.ts",
  approveExecution: "one step that waits: test/flow/control.test.ts",
  purgeLlmCache: "one statement inside the gateway, which is scripted here",
  removePerson: "done by an owner once in a while",
  invitePerson: "done by an owner once in a while",
  withdrawInvitation: "done by an owner once in a while",
  claimInstallation: "once in the life of an installation",
  signIn: "one person, by an address; it has no parts",
  acceptInvitation: "once for each person",
  signOut: "one session, by its key",
  testProviderAccount: "asks a provider; one row by its key",
  streamChat: "a stream",
  updateSettings: "the one row of the installation",
  putMyAvatar: "one picture",
  deleteMyAvatar: "one picture",
  putMemberAvatar: "one picture",
  deleteMemberAvatar: "one picture",
  recordWebVitals: "one statement for all figures of a page view",
  createChatCompletion: "a call of a model: what it costs is measured by the gateway's bench",
  createCompletion: "a call of a model",
  createEmbeddings: "a call of a model",
};

/** Hints to other processes go out together for many requests; a credential is asked for again when it was changed. */
const isAmong = /^(events_notify|cache_notify|api_key_find|session_find)$/;
const transactions = new Set<string>();

async function statementsOf(write: Write, side: Side): Promise<string[]> {
  const { user, cookie, own } = side;
  const path = write.path.replace(/\{(\w+)\}/g, (_, name: string) => own[name] ?? `no ${name}`);
  const headers = write.session ? { cookie } : { authorization: `Bearer ${user.token}` };
  // The credential is known, and nothing is kept that would be loaded again behind the write.
  await call(api.app, "GET", "/api/v1/auth/state", { headers });
  api.deps.cache.answers.clear();
  const body = write.body?.(side);
  const { result, statements } = await counted.during<Answer>(() =>
    call(api.app, write.method, path, { headers, ...(body === undefined ? {} : { body }) }),
  );
  assert.ok(result.status < 300, `${write.method} ${path}: ${result.status} ${JSON.stringify(result.body)}`);
  Object.assign(own, write.keep?.(result.body));
  return statements.filter((name) => !isAmong.test(name)).sort();
}

for (const write of writes) {
  test(`${write.operation} (${write.what}) takes as many statements for many parts as for one`, async () => {
    const [forOne, forMany] = [await statementsOf(write, sides[0]), await statementsOf(write, sides[1])];
    assert.deepEqual(forMany, forOne);
    assert.ok(forMany.length >= 1 && forMany.length <= 15, forMany.join());
    if (forMany.includes("BEGIN") && forMany.includes("COMMIT") && forMany.length > 2)
      transactions.add(write.operation);
  });
}

test("statements inside transactions are among those counted", () => {
  for (const operation of ["createSquad", "updateSquad", "addAttachments"])
    assert.ok(transactions.has(operation), operation);
});

test("every write of the route table is counted, or it is said why not", () => {
  const known = new Set([...writes.map(({ operation }) => operation), ...Object.keys(uncounted)]);
  const all = api.app.routeTable.filter((route: AnyRoute) => route.method !== "GET").map((route) => route.operationId);
  assert.deepEqual(
    all.filter((operation) => !known.has(operation)),
    [],
  );
  assert.deepEqual(
    [...known].filter((operation) => !all.includes(operation)),
    [],
    "there are no such writes",
  );
});
