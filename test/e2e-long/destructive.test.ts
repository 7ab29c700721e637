import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import type {
  ApiKeyList,
  Budget,
  BudgetPage,
  ConversationPage,
  CreatedApiKey,
  CreatedInvitation,
  ExecutionAnswer,
  ExecutionStateAnswer,
  InvitationPage,
  ModelList,
  PersonPage,
  ProjectAnswer,
  ProviderAccountList,
  SquadAnswer,
  TaskAnswer,
  TaskPage,
} from "#contracts";
import { ben, callerOf } from "../e2e/support/people.ts";
import { waitUntil } from "../e2e/support/running-muster.ts";
import { sampledMuster } from "../e2e/support/sampled-muster.ts";

/** Something that takes away what a person has, and the state of it, which must hold until they have said yes. */
interface Deed {
  what: string;
  /** Makes what is to be taken away, and says where one does it. */
  prepare: () => Promise<string>;
  /** What one does there before. */
  begin?: (page: Page) => Promise<unknown>;
  /** What one presses, up to the deed itself or the question. */
  press: (page: Page) => Promise<void>;
  /** What there is of it on the server, or in the form; compared before and after. */
  state: (page: Page) => Promise<unknown>;
}
/** `action`: the button that says yes. */
type AskingDeed = Deed & { action: string };

const made: Record<string, string> = {};

const world = sampledMuster();

const isThere = (path: string) =>
  world.call("GET", path).then(
    () => true,
    () => false,
  );
const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });
const chooseInMenu = async (page: Page, menu: string, item: string) => {
  await button(page, menu).click();
  await page.getByRole("menuitem", { name: item, exact: true }).click();
};
const squadOf = async (squadId = world.samples.squadId) =>
  (await world.call<SquadAnswer>("GET", `/squads/${squadId}`)).squad;

/** Sends a message to the offline model, which begins a conversation. */
async function beginConversation(): Promise<string> {
  const { defaultModel } = await world.call<ModelList>("GET", "/models");
  const answer = await world.context.request.post(`${world.muster.url}/api/v1/agent/chat/stream`, {
    headers: { origin: world.muster.url, "idempotency-key": crypto.randomUUID() },
    data: { message: "Something to forget", model: defaultModel },
  });
  assert.ok(answer.ok());
  await answer.text();
  return (await world.call<ConversationPage>("GET", "/conversations?limit=30")).data[0]?.id ?? "";
}

/** An execution that waits for a person. */
async function beginExecution(): Promise<string> {
  const { squad } = await world.call<SquadAnswer>("POST", "/squads", { template: "research-report", name: "Careful" });
  await world.call("PATCH", `/squads/${squad.id}`, { requireApproval: true });
  const { task } = await world.call<TaskAnswer>("POST", "/tasks", {
    projectId: world.samples.projectId,
    squadId: squad.id,
    title: "Wait for me",
  });
  const { execution } = await world.call<ExecutionStateAnswer>("POST", `/tasks/${task.id}/executions`, {});
  await waitUntil(
    30_000,
    () => "It does not wait for approval",
    async () => (await executionStatus(execution.id)) === "awaiting_approval",
  );
  return execution.id;
}
const executionStatus = async (id = made.execution) =>
  (await world.call<ExecutionAnswer>("GET", `/executions/${id}`)).execution.status;

const asking: AskingDeed[] = [
  {
    what: "a project",
    prepare: async () => {
      made.project = (await world.call<ProjectAnswer>("POST", "/projects", { name: "Doomed" })).project.id;
      return `/projects/${made.project}`;
    },
    press: (page) => chooseInMenu(page, "More about this project", "Delete"),
    action: "Delete the project",
    state: () => isThere(`/projects/${made.project}`),
  },
  {
    what: "a squad",
    prepare: async () => {
      made.squad = (
        await world.call<SquadAnswer>("POST", "/squads", { template: "research-report", name: "D" })
      ).squad.id;
      return `/squads/${made.squad}`;
    },
    press: (page) => chooseInMenu(page, "More about this squad", "Delete"),
    action: "Delete the squad",
    state: () => isThere(`/squads/${made.squad}`),
  },
  {
    what: "a task with its executions",
    prepare: async () => `/projects/${world.samples.projectId}?task=${world.samples.taskId}`,
    press: (page) => button(page, "Delete").click(),
    action: "Delete the task",
    state: async () => [
      await isThere(`/tasks/${world.samples.taskId}`),
      await isThere(`/executions/${world.samples.executionId}`),
    ],
  },
  {
    what: "an execution that is not over",
    prepare: async () => {
      made.execution = await beginExecution();
      return `/executions/${made.execution}`;
    },
    press: (page) => button(page, "Cancel").click(),
    action: "Cancel the execution",
    state: () => executionStatus(),
  },
  {
    what: "a conversation",
    prepare: async () => {
      made.conversation = await beginConversation();
      return `/chat?conversation=${made.conversation}`;
    },
    press: (page) => button(page, "Delete this conversation").click(),
    action: "Delete the conversation",
    state: () => isThere(`/conversations/${made.conversation}/messages`),
  },
  {
    what: "a provider account",
    prepare: async () => {
      await world.call("POST", "/provider-accounts", { kind: "openai", name: "Doomed", apiKey: "sk-local-0000" });
      return "/settings";
    },
    press: (page) => button(page, "Delete Doomed").click(),
    action: "Delete the account",
    state: async () =>
      (await world.call<ProviderAccountList>("GET", "/provider-accounts")).data.some(({ name }) => name === "Doomed"),
  },
  {
    what: "an API key",
    prepare: async () => {
      await world.call<CreatedApiKey>("POST", "/api-keys", { name: "Doomed" });
      return "/settings?part=keys";
    },
    press: (page) => button(page, "Revoke Doomed").click(),
    action: "Revoke the key",
    state: async () =>
      (await world.call<ApiKeyList>("GET", "/api-keys")).data.some(
        ({ name, revokedAt }) => name === "Doomed" && !revokedAt,
      ),
  },
  {
    what: "an invitation",
    prepare: async () => {
      await world.call<CreatedInvitation>("POST", "/invitations", { email: "eve@example.org" });
      return "/settings?part=people";
    },
    press: (page) => button(page, "Withdraw the invitation of eve@example.org").click(),
    action: "Withdraw it",
    state: async () =>
      (await world.call<InvitationPage>("GET", "/invitations")).data.some(({ email }) => /^eve/.test(email)),
  },
  {
    what: "a person",
    prepare: async () => {
      const { token } = await world.call<CreatedInvitation>("POST", "/invitations", { email: ben.email });
      const elsewhere = await world.browser.newContext();
      const { name, password } = ben;
      await callerOf(elsewhere, world.muster)("POST", "/auth/accept-invitation", { token, name, password });
      await elsewhere.close();
      return "/settings?part=people";
    },
    press: (page) => button(page, `Remove ${ben.name}`).click(),
    action: "Remove the person",
    state: async () =>
      (await world.call<PersonPage>("GET", "/people?limit=200")).data.some(({ email }) => email === ben.email),
  },
];

for (const { what, prepare, press, action, state } of asking) {
  test(`to take away ${what}, one is asked: no leaves it, yes does it`, async () => {
    const where = await prepare();
    const { page, troubles } = await world.open();
    await page.goto(world.muster.url + where);
    const before = await state(page);
    for (const no of ["Escape", "Keep"]) {
      await press(page);
      await button(page, action).waitFor();
      if (no === "Escape") await page.keyboard.press("Escape");
      else await button(page, "Keep").click();
      await button(page, action).waitFor({ state: "detached" });
      assert.deepEqual(await state(page), before);
    }
    await press(page);
    await button(page, action).click();
    await button(page, action).waitFor({ state: "detached" });
    await waitUntil(
      10_000,
      () => "It is still as before",
      async () => JSON.stringify(await state(page)) !== JSON.stringify(before),
    );
    assert.deepEqual(troubles, []);
    await page.close();
  });
}

const attachmentsOf = async (taskId = "") => {
  const { attachments } = (await world.call<TaskAnswer>("GET", `/tasks/${taskId}`)).task;
  return Promise.all(
    attachments.map(async ({ id, name, mediaType }) => {
      const file = await world.context.request.get(`${world.muster.url}/api/v1/tasks/${taskId}/attachments/${id}`);
      return [name, mediaType, await file.text()];
    }),
  );
};
const orderOf = async (projectId = "") => {
  const { data } = await world.call<TaskPage>("GET", `/tasks?projectId=${projectId}&page=1&pageSize=100`);
  return data.sort((one, other) => one.position - other.position).map(({ title }) => title);
};
const memberNames = (page: Page) =>
  page.getByRole("button", { name: /^Move / }).evaluateAll((all) => all.map((one) => one.getAttribute("aria-label")));

const undoable: Deed[] = [
  {
    what: "an attachment",
    prepare: async () => {
      const contentBase64 = Buffer.from("One line, with an ü.").toString("base64");
      const { task } = await world.call<TaskAnswer>("POST", "/tasks", {
        projectId: world.samples.projectId,
        title: "With a file",
        attachments: [{ name: "notes.md", mediaType: "text/markdown", contentBase64 }],
      });
      made.task = task.id;
      return `/projects/${world.samples.projectId}?task=${task.id}`;
    },
    press: (page) => button(page, "Remove notes.md").click(),
    state: () => attachmentsOf(made.task),
  },
  {
    what: "the budget of all squads",
    prepare: async () => {
      await world.call("PUT", "/budgets/instance", { limitNanoUsd: 7_000_000_000 });
      return "/settings?part=budgets";
    },
    press: (page) => button(page, "Remove").click(),
    state: async () =>
      (await world.call<BudgetPage>("GET", "/budgets?page=1&pageSize=100")).data
        .filter(({ level }: Budget) => level === "instance")
        .map(({ limitNanoUsd }) => limitNanoUsd),
  },
  {
    what: "a squad's place among the active ones",
    prepare: async () => `/squads/${world.samples.squadId}`,
    press: (page) => chooseInMenu(page, "More about this squad", "Archive"),
    state: async () => (await squadOf()).status,
  },
  {
    what: "a member of the squad that one builds",
    prepare: async () => `/squads/${world.samples.squadId}`,
    press: (page) =>
      page
        .getByRole("button", { name: /^Remove / })
        .first()
        .click(),
    begin: (page) =>
      page
        .getByRole("button", { name: /^Remove / })
        .first()
        .waitFor(),
    state: memberNames,
  },
  {
    what: "what is typed in a squad that is stored",
    prepare: async () => `/squads/${world.samples.squadId}`,
    begin: (page) => page.getByLabel("Goal").fill("Typed and not saved"),
    press: (page) => button(page, "Discard changes").click(),
    state: (page) => page.getByLabel("Goal").inputValue(),
  },
  {
    what: "what is typed in a squad that is not made yet",
    prepare: async () => "/squads/new",
    begin: async (page) => {
      await page.getByRole("button", { name: /^Blank/ }).click();
      await page.getByLabel("Goal").fill("Typed and not saved");
    },
    press: (page) => button(page, "Start over").click(),
    state: (page) =>
      page.getByLabel("Goal").evaluateAll((fields) => fields.map((field) => "value" in field && field.value)),
  },
  {
    what: "the order of a column",
    prepare: async () => {
      made.project = (await world.call<ProjectAnswer>("POST", "/projects", { name: "In order" })).project.id;
      for (const title of ["First", "Second"]) await world.call("POST", "/tasks", { projectId: made.project, title });
      return `/projects/${made.project}`;
    },
    press: async (page) => {
      const [from, to] = await Promise.all(
        ["First", "Second"].map((name) => page.getByRole("button", { name: new RegExp(`^${name}`) }).boundingBox()),
      );
      assert.ok(from && to);
      const [upper, lower] = from.y < to.y ? [from, to] : [to, from];
      await page.mouse.move(upper.x + upper.width / 2, upper.y + upper.height / 2);
      await page.mouse.down();
      await page.mouse.move(lower.x + lower.width / 2, lower.y + lower.height - 4, { steps: 12 });
      await page.mouse.up();
    },
    state: () => orderOf(made.project),
  },
];

for (const { what, prepare, begin, press, state } of undoable) {
  test(`what takes away ${what} can be undone`, async () => {
    const where = await prepare();
    const { page, troubles } = await world.open();
    await page.goto(world.muster.url + where);
    await begin?.(page);
    const before = JSON.stringify(await state(page));
    const comesTo = (same: boolean) =>
      waitUntil(
        10_000,
        () => (same ? "It is not as before" : "Nothing was taken away"),
        async () => (JSON.stringify(await state(page)) === before) === same,
      );
    await press(page);
    await comesTo(false);
    await button(page, "Undo").click();
    await comesTo(true);
    assert.deepEqual(troubles, []);
    await page.close();
  });
}
